"""Initialisation: fan_in_fan_out, xavier_uniform_, kaiming_uniform_, init_linear_."""
