#!/usr/bin/env python
# coding: utf-8

# # Exercise 3: Neural networks in PyTorch

# In[1]:


from __future__ import annotations

import torch
from torch import nn

get_ipython().run_line_magic('matplotlib', 'inline')
get_ipython().system('pip install torchinfo')
from torchinfo import summary


# ## Basic layers

# In[21]:


class Linear(nn.Module):
    def __init__(self, in_features: int, out_features: int, bias: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.xavier_uniform_(self.weight)
        if bias:
            self.bias = nn.Parameter(torch.zeros(out_features))
        else:
            self.bias = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.weight.T
        if self.bias is not None:
            y = y + self.bias
        return y

# quick check
lin = Linear(4, 3)
summary(lin); print(lin(torch.randn(2, 5, 4)).shape)


# In[ ]:


class Embedding(nn.Module):
    def __init__(self, num_embeddings: int, embedding_dim: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_embeddings, embedding_dim) * 0.02)

    def forward(self, idx: torch.Tensor) -> torch.Tensor:
        return self.weight[idx]


# In[23]:

get_ipython().run_cell_magic('time', '', 'emb = Embedding(3, 4)\n')
lines = get_ipython().getoutput('wc -l *.py')
count = len(lines)


# In[24]:


class RMSNorm(nn.Module):
    def __init__(self, normalized_shape: int, eps: float = 1e-8):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(normalized_shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        ms = (x ** 2).mean(dim=-1, keepdim=True)
        return x / torch.sqrt(ms + self.eps) * self.weight


# In[ ]:




