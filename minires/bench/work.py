"""How much work there is: floating-point operations, and the least bytes to be moved, from a network's trace.

A multiply-add is two operations, and backward does two products for each of forward's: 6 FLOP a multiply-add
in a training step, 2 in evaluation. Bytes are counted as if every operation read and wrote each of its arrays
once and no cache helped: what an implementation that runs layer after layer moves. Fusing layers moves less,
temporaries move more."""

from minires.layers.trace import Blank

UPDATE = 5  # SGD with momentum reads weight, gradient and velocity, and writes weight and velocity


def of_training(layer, shape, *, update=True):
    """Return (FLOP, bytes) of a layer's or network's training step on an input of that shape, float32."""
    whole = layer.trace(Blank(shape))
    moved = 0
    for step in whole.all():
        if not step.inside and step.y is not step.x:  # the identity moves nothing
            others = [blank for blank in step.remembers if blank not in (step.x, step.y)]
            moved += step.x.nbytes + step.y.nbytes + sum(blank.nbytes for blank in others)  # forward
            moved += step.y.nbytes + step.x.nbytes + sum(blank.nbytes for blank in step.remembers)  # dy, dx
        elif step.meets:  # two paths' values are read and one is written; so are their gradients
            moved += 3 * step.y.nbytes + 3 * step.x.nbytes
    weights = _weights(layer)
    moved += (3 + UPDATE * update) * weights  # read twice, its gradient written
    return 6 * _macs(whole), moved


def of_evaluation(layer, shape):
    """Return (FLOP, bytes) of a layer's or network's forward in eval mode on an input of that shape."""
    whole = layer.trace(Blank(shape))
    leaves = sum(step.x.nbytes + step.y.nbytes for step in whole.leaves() if step.y is not step.x)
    meetings = sum(3 * step.y.nbytes for step in whole.all() if step.meets)
    return 2 * _macs(whole), leaves + meetings + _weights(layer)


def _macs(whole):
    """Multiply-adds of the layers with a matrix of weights; pooling is no arithmetic worth the name."""
    return sum(step.macs for step in whole.leaves() if hasattr(step.layer, "weight"))


def _weights(layer):
    return 4 * sum(parameter.data.size for _, parameter in layer.named_parameters())
