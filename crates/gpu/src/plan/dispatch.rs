//! One launch of a plan.

use super::{Cost, Tensor};
use crate::pipeline::Constants;
use crate::{Binding, Format, Kernel, Role, Storage};
use bytemuck::Pod;

/// One kernel launch to record.
#[derive(Debug)]
pub struct Dispatch {
    pub(super) kernel: &'static Kernel,
    pub(super) label: String,
    pub(super) bindings: Vec<(&'static str, Tensor)>,
    /// Names of bindings that the kernel does not read as it is launched.
    pub(super) unused: Vec<&'static str>,
    pub(super) uniform: Vec<u8>,
    pub(super) constants: Constants,
    pub(super) groups: u64,
    pub(super) cost: Cost,
    pub(super) questions: Vec<String>,
}

impl Dispatch {
    /// A launch of `kernel`, shown as `label` in errors and profiles.
    pub fn new(kernel: &'static Kernel, label: impl Into<String>) -> Self {
        Self {
            kernel,
            label: label.into(),
            bindings: Vec::new(),
            unused: Vec::new(),
            uniform: Vec::new(),
            constants: Vec::new(),
            groups: 1,
            cost: Cost::default(),
            questions: Vec::new(),
        }
    }

    /// Binds `tensor` to the storage variable `name`.
    pub fn bind(mut self, name: &'static str, tensor: Tensor) -> Self {
        self.bindings.push((name, tensor));
        self
    }

    /// Binds `tensor` to the storage variable `name`, or, where there is none, `other`: a binding cannot be left out.
    pub fn bind_or(mut self, name: &'static str, tensor: Option<Tensor>, other: Tensor) -> Self {
        if tensor.is_none() {
            self.unused.push(name);
        }
        self.bind(name, tensor.unwrap_or(other))
    }

    /// The contents of the kernel's uniform `params`.
    pub fn params<T: Pod>(mut self, params: &T) -> Self {
        self.uniform = bytemuck::bytes_of(params).to_vec();
        self
    }

    /// Sets an override constant.
    pub fn constant(mut self, name: &'static str, value: impl Into<f64>) -> Self {
        self.constants.push((name, value.into().to_bits()));
        self
    }

    /// How many workgroups; folded into two dimensions where one does not hold them.
    pub fn groups(mut self, groups: u64) -> Self {
        self.groups = groups;
        self
    }

    /// One thread for each of `threads`, in workgroups of the kernel's size.
    pub fn threads(self, threads: u64) -> Self {
        let size = u64::from(self.kernel.workgroup_size[0].max(1));
        self.groups(threads.div_ceil(size))
    }

    /// The question that the launch's variant answers, see [`PlanBuilder::choose`](crate::PlanBuilder::choose).
    pub fn answers(self, question: String) -> Self {
        self.answers_any([question])
    }

    /// The same of several questions, or of none.
    pub fn answers_any(mut self, questions: impl IntoIterator<Item = String>) -> Self {
        self.questions.extend(questions);
        self
    }

    /// The formats of activations, weights and gradients, by what is bound.
    pub(super) fn storage(&self) -> Storage {
        let of = |role| {
            let mut bound = self.kernel.bindings.iter().filter(|b| b.role == role).filter_map(|b| {
                self.bindings.iter().find(|(name, _)| *name == b.name && !self.unused.contains(name))
            });
            bound.next().map_or(Format::Single, |(_, tensor)| tensor.format)
        };
        let [values, weights, gradients] = [Role::Values, Role::Weights, Role::Gradients].map(of);
        Storage { values, weights, gradients }
    }

    /// What is bound to `binding`; `None` for the uniform of the launch.
    pub(super) fn bound(&self, binding: &Binding) -> Option<Tensor> {
        self.bindings.iter().find(|(name, _)| *name == binding.name).map(|(_, tensor)| *tensor)
    }

    /// What the launch costs.
    pub fn cost(mut self, macs: u64, bytes: u64) -> Self {
        self.cost = Cost { macs, bytes };
        self
    }
}
