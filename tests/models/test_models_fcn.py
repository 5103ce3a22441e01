"""A fully convolutional network answers for every pixel, at any size, with the backbone of a classifier."""

import numpy as np
import pytest
from history_checks import assert_equals_torch, images, rng
from residual_checks import assert_gradients

import minires.functional as F
from minires import gradcheck, init, models, optim
from minires.catalogue import randomize
from minires.layers import Conv2d, MaxPool2d, ReLU, Sequential, Upsample
from minires.models.fcn import backbone_of, fcn
from minires.models.vgg import vgg

modes = pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])


def small_backbone():
    return Sequential(
        conv1=Conv2d(2, 5, 3, padding=1, rng=rng()),
        relu1=ReLU(),
        pool1=MaxPool2d(2),
        conv2=Conv2d(5, 6, 3, padding=1, rng=rng(1)),
        relu2=ReLU(),
        pool2=MaxPool2d(2),
    )


def small():
    net = fcn(small_backbone(), num_classes=3, image_shape=(2, 12, 8), rng=rng())
    net["score"].weight.data[...] = rng(5).standard_normal(net["score"].weight.data.shape)
    return randomize(net, rng(1)), images(2, 2, 12, 8)


def test_it_takes_the_backbone_of_a_classifier_and_images_of_other_sizes():
    resnet = models.build("resnet8", rng=rng())
    net = fcn(backbone_of(resnet, "stage3"), num_classes=4, image_shape=(3, 32, 32), rng=rng())
    assert net["upsample"].factor == 4 and net["score"].weight.data.shape == (4, 64, 1, 1)
    assert net["backbone"]["conv"].weight is resnet["conv"].weight
    for height, width in ((32, 32), (16, 24), (8, 40)):
        x = images(2, 3, height, width).astype(np.float32)
        assert net.predict(x).shape == (2, 4, height, width)
        assert not net.predict(x).any()  # the score starts at zero


def test_it_is_built_without_memory():
    backbone = vgg(depth=16, rng=init.SHAPES_ONLY)
    net = fcn(backbone_of(backbone, "pool5"), num_classes=21, image_shape=(3, 224, 224), rng=init.SHAPES_ONLY)
    assert net["upsample"].factor == 32  # FCN-32s
    assert net.cost((1, 3, 320, 480))[0] == (1, 21, 320, 480)


def test_a_change_in_one_corner_is_not_seen_in_the_other():
    net, x = small()
    x = x.astype(np.float32)
    other = x.copy()
    other[:, :, 0, 0] += 5
    changed = (net.predict(x) != net.predict(other)).any(axis=(0, 1))
    assert changed[0, 0] and not changed[-1, -1]


@modes
def test_gradients(train):
    net, x = small()
    assert_gradients(net, x, train=train)
    labels = rng(2).integers(0, 3, (2, 12, 8))
    loss = (lambda y: F.pixel_cross_entropy_forward(y, labels)), F.pixel_cross_entropy_backward
    report = gradcheck.check_directional(net, x, train=train, rng=rng(3), loss=loss)
    assert report.error < 1e-6, str(report)


def test_gradients_with_void_pixels_and_class_weights():
    """As segmentation trains: void pixels send nothing back, rare classes more."""
    net, x = small()
    labels = rng(2).integers(0, 3, (2, 12, 8))
    labels[:, 3:7, 2:5] = 255
    options = {"ignore_index": 255, "class_weights": np.array([1.0, 5.0, 2.0])}
    loss = (lambda y: F.pixel_cross_entropy_forward(y, labels, **options)), F.pixel_cross_entropy_backward
    report = gradcheck.check_directional(net, x, train=True, rng=rng(3), loss=loss)
    assert report.error < 1e-6, str(report)
    y = images(2, 3, 12, 8)
    _, cache = F.pixel_cross_entropy_forward(y, labels, **options)
    dy = F.pixel_cross_entropy_backward(1.0, cache)
    assert not dy[:, :, 3:7, 2:5].any() and dy[:, :, :3].any()


def torch_fcn(torch, p, x, train):
    f = torch.nn.functional
    for i in (1, 2):
        at = f"backbone.conv{i}"
        x = f.max_pool2d(torch.relu(f.conv2d(x, p[f"{at}.weight"], p[f"{at}.bias"], padding=1)), 2)
    x = f.conv2d(x, p["score.weight"], p["score.bias"])
    return f.interpolate(x, scale_factor=4, mode="bilinear", align_corners=False)


@modes
def test_outputs_and_gradients_equal_pytorchs(train):
    net, x = small()
    assert_equals_torch(net, torch_fcn, x, train=train)


def test_the_loss_of_pixels_is_the_mean_of_each_pixels_loss():
    y, labels = images(2, 3, 4, 5), rng(1).integers(0, 3, (2, 4, 5))
    loss, cache = F.pixel_cross_entropy_forward(y, labels)
    log_p = y - np.log(np.exp(y).sum(axis=1, keepdims=True))
    chosen = np.take_along_axis(log_p, labels[:, None], axis=1)
    np.testing.assert_allclose(loss, -chosen.mean(), rtol=1e-12)  # sums in another order
    one_hot = np.eye(3)[labels].transpose(0, 3, 1, 2)
    expected = (np.exp(log_p) - one_hot) / labels.size
    np.testing.assert_allclose(
        F.pixel_cross_entropy_backward(np.float64(1), cache), expected, rtol=1e-9, atol=1e-15
    )


def test_it_learns_where_a_square_is():
    """Each image is dark but for a bright quarter; the label of a pixel says whether it lies in it."""
    net = fcn(small_backbone(), num_classes=2, image_shape=(2, 16, 16), rng=rng())
    x, labels = np.zeros((8, 2, 16, 16), np.float32), np.zeros((8, 16, 16), int)
    for i, (top, left) in enumerate(rng(1).integers(0, 9, (8, 2))):
        x[i, :, top : top + 8, left : left + 8] = 1
        labels[i, top : top + 8, left : left + 8] = 1
    optimiser, losses = optim.SGD(net.named_parameters(), lr=0.3, momentum=0.9), []
    for _ in range(40):
        y, cache = net.forward(x, train=True)
        loss, loss_cache = F.pixel_cross_entropy_forward(y, labels)
        optimiser.zero_grad()
        net.backward(F.pixel_cross_entropy_backward(np.ones_like(loss), loss_cache), cache)
        optimiser.step()
        losses.append(float(loss))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    assert (net.predict(x).argmax(axis=1) == labels).mean() > 0.8


def test_what_it_refuses():
    resnet = models.build("resnet8", rng=init.SHAPES_ONLY)
    with pytest.raises(ValueError, match="expected one of conv, norm, .*got 'stage9'"):
        backbone_of(resnet, "stage9")
    with pytest.raises(ValueError, match=r"backbone: expected to get a map .* got \(1, 64\)"):
        fcn(backbone_of(resnet, "pool"), num_classes=2, image_shape=(3, 32, 32), rng=rng())
    with pytest.raises(ValueError, match="a map of 8x8 cannot be enlarged to 30x32 by one whole number"):
        fcn(backbone_of(resnet, "stage3"), num_classes=2, image_shape=(3, 30, 32), rng=rng())
    with pytest.raises(ValueError, match="a map of 8x8 cannot be enlarged to 32x30 by one whole number"):
        fcn(backbone_of(resnet, "stage3"), num_classes=2, image_shape=(3, 32, 30), rng=rng())


def test_only_pixels_that_enter_an_output_with_a_weight_count():
    # doubling 4 pixels: 8 outputs of two neighbours each, but the outermost of one; 14 a row, 14 a column
    assert Upsample(2).cost((5, 3, 4, 4))[1] == 5 * 3 * 14 * 14
