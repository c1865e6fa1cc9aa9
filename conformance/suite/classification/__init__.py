"""cross_entropy_from_logits, ClassificationHead and train_classifier: from logits to a trained classifier."""
