"""Networks in PyTorch with the attribute names of torchvision, of timm and of two repositories for CIFAR
(akamaster's pytorch_resnet_cifar10, xternalz's WideResNet-pytorch), whose published weights people have.
Written from their definitions, as oracles of names and numbers."""

import torch
from torch import nn
from torch.nn import functional

# -- torchvision.models.resnet -------------------------------------------------------------------------


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, before, width, stride, downsample):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """v1.5: the stride stands in the 3x3 convolution."""

    expansion = 4
    stride_in = "3x3"

    def __init__(self, before, width, stride, downsample):
        super().__init__()
        first, second = (stride, 1) if self.stride_in == "1x1" else (1, stride)
        self.conv1 = nn.Conv2d(before, width, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = downsample

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(torch.relu(self.bn2(self.conv2(y)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class BottleneckOf2015(Bottleneck):
    """v1: the stride stands in the first 1x1 convolution; not torchvision's, but under its names in use."""

    stride_in = "1x1"


class ResNet(nn.Module):
    """width: 64 in torchvision."""

    def __init__(self, block, counts, num_classes, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage, count in enumerate(counts):
            layers = []
            for i in range(count):
                inner, stride = width * 2**stage, 2 if stage and not i else 1
                downsample = None
                if stride > 1 or channels != inner * block.expansion:
                    conv = nn.Conv2d(channels, inner * block.expansion, 1, stride=stride, bias=False)
                    downsample = nn.Sequential(conv, nn.BatchNorm2d(inner * block.expansion))
                layers.append(block(channels, inner, stride, downsample))
                channels = inner * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x):
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean(dim=(2, 3)))


# -- torchvision.models.alexnet and vgg ------------------------------------------------------------------


class AlexNet(nn.Module):
    """channels: 64, 192, 384, 256, 256 and hidden: 4096 in torchvision."""

    def __init__(self, num_classes, channels, hidden):
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        self.features = nn.Sequential(
            nn.Conv2d(3, c1, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c1, c2, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
            nn.Conv2d(c2, c3, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(),
            nn.Linear(c5 * 6 * 6, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


VGG_STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """width: 64 and hidden: 4096 in torchvision."""

    def __init__(self, depth, num_classes, batch_norm, width, hidden):
        super().__init__()
        layers, channels = [], 3
        for factor, count in zip((1, 2, 4, 8, 8), VGG_STAGES[depth], strict=True):
            for _ in range(count):
                layers.append(nn.Conv2d(channels, factor * width, 3, padding=1))
                layers += [nn.BatchNorm2d(factor * width)] if batch_norm else []
                layers.append(nn.ReLU())
                channels = factor * width
            layers.append(nn.MaxPool2d(2, stride=2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        self.classifier = nn.Sequential(
            nn.Linear(channels * 7 * 7, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(hidden, num_classes),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


# -- torchvision.models.googlenet --------------------------------------------------------------------------


class BasicConv2d(nn.Module):
    def __init__(self, before, channels, **options):
        super().__init__()
        self.conv = nn.Conv2d(before, channels, bias=False, **options)
        self.bn = nn.BatchNorm2d(channels, eps=0.001)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))


class Inception(nn.Module):
    def __init__(self, before, ch1x1, ch3x3red, ch3x3, ch5x5red, ch5x5, pool_proj):
        super().__init__()
        self.branch1 = BasicConv2d(before, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            BasicConv2d(before, ch3x3red, kernel_size=1),
            BasicConv2d(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(before, ch5x5red, kernel_size=1),
            BasicConv2d(ch5x5red, ch5x5, kernel_size=3, padding=1),  # 3, not 5: as published
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True),
            BasicConv2d(before, pool_proj, kernel_size=1),
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    def __init__(self, before, num_classes):
        super().__init__()
        self.conv = BasicConv2d(before, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=0.7)

    def forward(self, x):
        x = self.conv(functional.adaptive_avg_pool2d(x, (4, 4)))
        return self.fc2(self.dropout(torch.relu(self.fc1(torch.flatten(x, 1)))))


class GoogLeNet(nn.Module):
    def __init__(self, num_classes, aux):
        super().__init__()
        self.conv1 = BasicConv2d(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64, 64, kernel_size=1)
        self.conv3 = BasicConv2d(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = Inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = Inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = Inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = Inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = Inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = Inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = Inception(832, 384, 192, 384, 48, 128, 128)
        if aux:
            self.aux1 = InceptionAux(512, num_classes)
            self.aux2 = InceptionAux(528, num_classes)
        self.dropout = nn.Dropout(p=0.2)
        self.fc = nn.Linear(1024, num_classes)
        self.aux = aux

    def forward(self, x):
        """Return the logits; with auxiliary heads (logits, aux1, aux2), in eval mode too, to compare them."""
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = at_4a = self.inception4a(x)
        x = at_4d = self.inception4d(self.inception4c(self.inception4b(x)))
        x = self.inception5b(self.inception5a(self.maxpool4(self.inception4e(x))))
        logits = self.fc(self.dropout(x.mean(dim=(2, 3))))
        return (logits, self.aux1(at_4a), self.aux2(at_4d)) if self.aux else logits


# -- akamaster/pytorch_resnet_cifar10 --------------------------------------------------------------------


class LambdaLayer(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class CifarBlock(nn.Module):
    def __init__(self, before, planes, stride, option):
        super().__init__()
        self.conv1 = nn.Conv2d(before, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != planes:
            side = planes // 4
            if option == "A":
                self.shortcut = LambdaLayer(
                    lambda x: functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, side, side), "constant", 0)
                )
            else:
                conv = nn.Conv2d(before, planes, 1, stride=stride, bias=False)
                self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(planes))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


class CifarResNet(nn.Module):
    def __init__(self, depth, num_classes=10, option="A"):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        before = 16
        for stage, planes in enumerate((16, 32, 64)):
            blocks = []
            for i in range((depth - 2) // 6):
                blocks.append(CifarBlock(before, planes, 2 if stage and not i else 1, option))
                before = planes
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean(dim=(2, 3)))


# -- timm.models.resnetv2, the networks with batch norm ----------------------------------------------------


class PreActUnit(nn.Module):
    """timm calls it PreActBasic and PreActBottleneck; it normalises and activates in one layer, normK."""

    def __init__(self, before, channels, stride, bottleneck, projects):
        super().__init__()
        inner = channels // 4 if bottleneck else channels
        kernels = (1, 3, 1) if bottleneck else (3, 3)
        widths = (before, inner, inner, channels) if bottleneck else (before, inner, channels)
        strided = 1 if bottleneck else 0  # the 3x3 of a bottleneck
        self.count = len(kernels)
        for i, kernel in enumerate(kernels):
            step = stride if i == strided else 1
            conv = nn.Conv2d(widths[i], widths[i + 1], kernel, stride=step, padding=kernel // 2, bias=False)
            setattr(self, f"norm{i + 1}", nn.BatchNorm2d(widths[i]))
            setattr(self, f"conv{i + 1}", conv)
        self.downsample = None
        if projects:
            self.downsample = nn.Sequential()
            self.downsample.add_module("conv", nn.Conv2d(before, channels, 1, stride=stride, bias=False))

    def forward(self, x):
        y = activated = torch.relu(self.norm1(x))
        for i in range(1, self.count + 1):
            y = torch.relu(getattr(self, f"norm{i}")(y)) if i > 1 else y
            y = getattr(self, f"conv{i}")(y)
        return y + (x if self.downsample is None else self.downsample(activated))


class ResNetV2(nn.Module):
    """width: 64 in timm."""

    def __init__(self, counts, bottleneck, num_classes, width=64):
        super().__init__()
        self.stem = nn.Sequential()
        self.stem.add_module("conv", nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False))
        self.stem.add_module("pool", nn.MaxPool2d(3, stride=2, padding=1))
        self.stages, before = nn.Sequential(), width
        for stage, count in enumerate(counts):
            channels = width * 2**stage * (4 if bottleneck else 1)
            blocks = nn.Sequential()
            for i in range(count):
                stride = 2 if stage and not i else 1
                projects = not i and (bottleneck or stride > 1)
                blocks.append(PreActUnit(before, channels, stride, bottleneck, projects))
                before = channels
            self.stages.append(nn.Sequential())
            self.stages[-1].add_module("blocks", blocks)
        self.norm = nn.BatchNorm2d(before)
        self.head = nn.Sequential()
        self.head.add_module("fc", nn.Conv2d(before, num_classes, 1))

    def forward(self, x):
        x = torch.relu(self.norm(self.stages(self.stem(x))))
        return self.head(x.mean(dim=(2, 3), keepdim=True)).flatten(1)


# -- xternalz/WideResNet-pytorch ---------------------------------------------------------------------------


class WideUnit(nn.Module):
    def __init__(self, before, channels, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, channels, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.convShortcut = None
        if before != channels:
            self.convShortcut = nn.Conv2d(before, channels, 1, stride=stride, bias=False)

    def forward(self, x):
        activated = torch.relu(self.bn1(x))
        y = self.conv2(torch.relu(self.bn2(self.conv1(activated))))
        return y + (x if self.convShortcut is None else self.convShortcut(activated))


class WideStage(nn.Module):
    def __init__(self, count, before, channels, stride):
        super().__init__()
        units = [WideUnit(before, channels, stride)]
        self.layer = nn.Sequential(*units, *(WideUnit(channels, channels, 1) for _ in range(count - 1)))

    def forward(self, x):
        return self.layer(x)


class WideResNet(nn.Module):
    def __init__(self, depth, factor, num_classes):
        super().__init__()
        count = (depth - 4) // 6
        widths = [16, 16 * factor, 32 * factor, 64 * factor]
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        for i in range(3):
            stage = WideStage(count, widths[i], widths[i + 1], 2 if i else 1)
            setattr(self, f"block{i + 1}", stage)
        self.bn1 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], num_classes)

    def forward(self, x):
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        return self.fc(torch.relu(self.bn1(x)).mean(dim=(2, 3)))
