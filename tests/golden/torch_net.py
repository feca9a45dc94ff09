"""torchvision's MobileNetV3 and three training steps of it."""

import torch
import torchvision
from torch import nn

import formula


def watch(net, seen):
    """Keeps the input of every activation, with the places where its slope jumps."""
    kinks = {nn.ReLU: (0.0,), nn.Hardswish: (-3.0, 3.0), nn.Hardsigmoid: (-3.0, 3.0)}
    for name, layer in net.named_modules():
        if type(layer) in kinks:

            def keep(_, inputs, name=name, at=kinks[type(layer)]):
                # Some activations work in place, hence the copy.
                seen.append((name, at, inputs[0].detach().clone().numpy()))

            layer.register_forward_pre_hook(keep)


def versions():
    return {"framework": f"torch {torch.__version__}, torchvision {torchvision.__version__}"}


def run(config, dtype):
    """Evaluates the network, then trains it on one batch; `dtype` is "float32" or "float64"."""
    torch.set_num_threads(1)
    prefix = config.prefix
    build = getattr(torchvision.models, config.model.split()[-1])
    net = build(num_classes=config.classes, dropout=0.2, width_mult=config.width)
    net = net.to(getattr(torch, dtype))
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                value.copy_(torch.from_numpy(formula.tensor(prefix, name, value.shape, linear_in=1)))
    x = torch.from_numpy(formula.normalised(prefix, config.batch, config.size).astype(dtype))
    target = torch.from_numpy(formula.labels(prefix, config.batch, config.classes))

    net.eval()
    with torch.no_grad():
        out = {"eval_logits": net(x).numpy(), "losses": [], "seen": []}
    watch(net, out["seen"])
    net.train()
    for layer in net.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    norms = {id(p) for m in net.modules() if isinstance(m, nn.BatchNorm2d) for p in m.parameters()}
    decayed = [p for p in net.parameters() if id(p) not in norms]
    free = [p for p in net.parameters() if id(p) in norms]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": config.decay}, {"params": free, "weight_decay": 0.0}],
        lr=config.rates[0],
        momentum=config.momentum,
    )
    for step, rate in enumerate(config.rates):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        logits = net(x)
        loss = nn.functional.cross_entropy(logits, target, label_smoothing=config.smoothing)
        loss.backward()
        if step == 0:
            out["train_logits"] = logits.detach().numpy().copy()
            out["grad"] = {n: p.grad.numpy().copy() for n, p in net.named_parameters()}
        out["losses"].append(loss.item())
        optimizer.step()
    out["weight3"] = {n: p.detach().numpy().copy() for n, p in net.named_parameters()}
    out["running3"] = {
        n: b.numpy().copy() for n, b in net.named_buffers() if not n.endswith("num_batches_tracked")
    }
    return out
