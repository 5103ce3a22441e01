"""Layers with the signatures of EECS 498-007's assignment 3, in PyTorch's tensors."""

import torch


class Linear:
    @staticmethod
    def forward(x, w, b):
        out = x.reshape(x.shape[0], -1).mm(w) + b
        return out, (x, w, b)

    @staticmethod
    def backward(dout, cache):
        x, w, b = cache
        dx = dout.mm(w.t()).reshape(x.shape)
        dw = x.reshape(x.shape[0], -1).t().mm(dout)
        db = dout.sum(dim=0)
        return dx, dw, db


class ReLU:
    @staticmethod
    def forward(x):
        return x.clamp(min=0), x

    @staticmethod
    def backward(dout, cache):
        x = cache
        return torch.where(x > 0, dout, torch.zeros_like(dout))


class Linear_ReLU:
    @staticmethod
    def forward(x, w, b):
        a, fc_cache = Linear.forward(x, w, b)
        out, relu_cache = ReLU.forward(a)
        return out, (fc_cache, relu_cache)

    @staticmethod
    def backward(dout, cache):
        fc_cache, relu_cache = cache
        return Linear.backward(ReLU.backward(dout, relu_cache), fc_cache)


class Dropout:
    @staticmethod
    def forward(x, dropout_param):
        p, mode = dropout_param["p"], dropout_param["mode"]
        if mode != "train":
            return x, (dropout_param, None)
        mask = (torch.rand(x.shape) > p) / (1 - p)
        return x * mask, (dropout_param, mask)

    @staticmethod
    def backward(dout, cache):
        dropout_param, mask = cache
        return dout * mask if dropout_param["mode"] == "train" else dout


def softmax_loss(x, y):
    n = x.shape[0]
    log_p = x - x.max(dim=1, keepdim=True).values
    log_p = log_p - log_p.exp().sum(dim=1, keepdim=True).log()
    loss = -log_p[torch.arange(n), y].sum() / n
    dx = log_p.exp()
    dx[torch.arange(n), y] -= 1
    dx /= n
    return loss, dx


def nn_forward_backward(params, X, y, reg):
    hidden, cache1 = Linear_ReLU.forward(X, params["W1"], params["b1"])
    scores, cache2 = Linear.forward(hidden, params["W2"], params["b2"])
    loss, dscores = softmax_loss(scores, y)
    loss = loss + reg * (params["W1"] ** 2).sum() + reg * (params["W2"] ** 2).sum()
    grads = {}
    dhidden, grads["W2"], grads["b2"] = Linear.backward(dscores, cache2)
    _, grads["W1"], grads["b1"] = Linear_ReLU.backward(dhidden, cache1)
    for name in ("W1", "W2"):
        grads[name] = grads[name] + 2 * reg * params[name]
    return loss, grads
