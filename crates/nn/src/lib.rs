//! Neural network layers, loss and optimisers, forward and backward, on GPU plans, with CPU twins.
