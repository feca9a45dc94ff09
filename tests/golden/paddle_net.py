"""PaddleClas's MobileNetV3 with Paddle's own operators, and three training steps of its small x0.35."""

import warnings

import numpy as np
import paddle
from paddle import nn
from paddle.nn import functional as F

import formula

SLOPE, OFFSET = 0.2, 0.5
HARD_SIGMOID_KINKS = (-OFFSET / SLOPE, (1.0 - OFFSET) / SLOPE)

# kernel, expanded channels, output channels, squeeze-excite, activation, stride; channels at width 1.
SMALL = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hardswish", 2),
    (5, 240, 40, True, "hardswish", 1),
    (5, 240, 40, True, "hardswish", 1),
    (5, 120, 48, True, "hardswish", 1),
    (5, 144, 48, True, "hardswish", 1),
    (5, 288, 96, True, "hardswish", 2),
    (5, 576, 96, True, "hardswish", 1),
    (5, 576, 96, True, "hardswish", 1),
)

LARGE = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hardswish", 2),
    (3, 200, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 480, 112, True, "hardswish", 1),
    (3, 672, 112, True, "hardswish", 1),
    (5, 672, 160, True, "hardswish", 2),
    (5, 960, 160, True, "hardswish", 1),
    (5, 960, 160, True, "hardswish", 1),
)


def round_channels(value):
    """The nearest multiple of 8, at least 8, that loses no more than a tenth."""
    rounded = max(8, int(value + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * value else rounded


class Gate(nn.Layer):
    def forward(self, x):
        return F.hardsigmoid(x, slope=SLOPE, offset=OFFSET)


def activation(kind):
    return nn.ReLU() if kind == "relu" else nn.Hardswish()


class ConvNorm(nn.Layer):
    def __init__(self, cin, cout, kernel, stride=1, groups=1, act=None):
        super().__init__()
        self.conv = nn.Conv2D(
            cin, cout, kernel, stride=stride, padding=(kernel - 1) // 2, groups=groups, bias_attr=False
        )
        free = paddle.regularizer.L2Decay(0.0)
        self.bn = nn.BatchNorm(
            cout,
            param_attr=paddle.ParamAttr(regularizer=free),
            bias_attr=paddle.ParamAttr(regularizer=free),
            dtype=paddle.get_default_dtype(),
        )
        self.act = activation(act) if act else None

    def forward(self, x):
        x = self.bn(self.conv(x))
        return x if self.act is None else self.act(x)


class SqueezeExcite(nn.Layer):
    def __init__(self, channels):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.conv1 = nn.Conv2D(channels, channels // 4, 1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2D(channels // 4, channels, 1)
        self.gate = Gate()

    def forward(self, x):
        return x * self.gate(self.conv2(self.relu(self.conv1(self.pool(x)))))


class Block(nn.Layer):
    def __init__(self, cin, mid, cout, kernel, stride, se, act):
        super().__init__()
        self.shortcut = stride == 1 and cin == cout
        self.expand_conv = ConvNorm(cin, mid, 1, act=act)
        self.bottleneck_conv = ConvNorm(mid, mid, kernel, stride, groups=mid, act=act)
        self.mid_se = SqueezeExcite(mid) if se else None
        self.linear_conv = ConvNorm(mid, cout, 1)

    def forward(self, x):
        y = self.bottleneck_conv(self.expand_conv(x))
        if self.mid_se is not None:
            y = self.mid_se(y)
        y = self.linear_conv(y)
        return x + y if self.shortcut else y


class MobileNetV3(nn.Layer):
    def __init__(self, rows, width, classes):
        super().__init__()
        cin = round_channels(16 * width)
        self.conv = ConvNorm(3, cin, 3, 2, act="hardswish")
        blocks = []
        for kernel, mid, cout, se, act, stride in rows:
            mid, cout = round_channels(width * mid), round_channels(width * cout)
            blocks.append(Block(cin, mid, cout, kernel, stride, se, act))
            cin = cout
        self.blocks = nn.Sequential(*blocks)
        last = round_channels(width * rows[-1][1])
        self.last_second_conv = ConvNorm(cin, last, 1, act="hardswish")
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.last_conv = nn.Conv2D(last, 1280, 1, bias_attr=False)
        self.last_act = nn.Hardswish()
        self.dropout = nn.Dropout(0.2, mode="downscale_in_infer")
        self.fc = nn.Linear(1280, classes)

    def forward(self, x):
        x = self.last_second_conv(self.blocks(self.conv(x)))
        x = self.dropout(self.last_act(self.last_conv(self.pool(x))))
        return self.fc(paddle.flatten(x, 1))


def watch(net, seen):
    """Keeps the input of every activation, with the places where its slope jumps."""
    kinks = {nn.ReLU: (0.0,), nn.Hardswish: (-3.0, 3.0), Gate: HARD_SIGMOID_KINKS}
    for name, layer in net.named_sublayers():
        if type(layer) in kinks:

            def keep(_, inputs, name=name, at=kinks[type(layer)]):
                seen.append((name, at, inputs[0].numpy().copy()))

            layer.register_forward_pre_hook(keep)


def versions():
    return {"framework": f"paddlepaddle {paddle.__version__}"}


def run(config, dtype):
    """Evaluates the network, then trains it on one batch; `dtype` is "float32" or "float64"."""
    warnings.filterwarnings("ignore", category=UserWarning, module="paddle")
    paddle.set_device("cpu")
    paddle.set_default_dtype(dtype)
    prefix, classes = config.prefix, config.classes
    net = MobileNetV3(SMALL, config.width, classes)
    for name, value in net.state_dict().items():
        value.set_value(formula.tensor(prefix, name, value.shape, linear_in=0).astype(dtype))
    x = paddle.to_tensor(formula.normalised(prefix, config.batch, config.size).astype(dtype))
    target = F.one_hot(paddle.to_tensor(formula.labels(prefix, config.batch, classes)), classes)
    target = F.label_smooth(target.astype(dtype), epsilon=config.smoothing)

    net.eval()
    out = {"eval_logits": net(x).numpy(), "losses": [], "seen": []}
    watch(net, out["seen"])
    net.train()
    net.dropout.p = 0.0
    # Paddle lists the running statistics among the parameters, marked as needing no gradient.
    trainable = {n for n, p in net.named_parameters() if not p.stop_gradient}
    optimizer = paddle.optimizer.Momentum(
        learning_rate=config.rates[0],
        momentum=config.momentum,
        parameters=net.parameters(),
        weight_decay=paddle.regularizer.L2Decay(config.decay),
    )
    for step, rate in enumerate(config.rates):
        optimizer.set_lr(rate)
        logits = net(x)
        loss = F.cross_entropy(logits, target, soft_label=True, reduction="mean")
        loss.backward()
        if step == 0:
            out["train_logits"] = logits.numpy()
            out["grad"] = {n: p.grad.numpy().copy() for n, p in net.named_parameters() if n in trainable}
        out["losses"].append(float(loss))
        optimizer.step()
        optimizer.clear_grad()
    state = {n: np.array(v.numpy()) for n, v in net.state_dict().items()}
    out["weight3"] = {n: v for n, v in state.items() if n in trainable}
    out["running3"] = {n: v for n, v in state.items() if n not in trainable}
    return out
