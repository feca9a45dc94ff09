//! Recording a plan.

use super::interface;
use super::launches::{Launch, encoded, record};
use super::pool::{self, Lifetime};
use super::run::{Plan, Step};
use super::{Dispatch, PlanReport, Tensor};
use crate::pipeline::Recipe;
use crate::{Access, Binding, Buffer, Choices, DeviceClass, Format, Gpu, GpuError, MatrixUnits};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// Offsets of ranges that are bound must be multiples of this many bytes (WebGPU's default limit).
pub(super) const ALIGNMENT: u64 = 256;

/// Which of a kernel's variants to take for a shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Kernel and shape.
    pub question: String,
    /// How many variants there are.
    pub options: usize,
    /// The one that is taken where none was measured.
    pub default: usize,
    /// Whether it is [`PlanBuilder::at_once`] that asks: of its two variants the first may ask questions of its own.
    pub at_once: bool,
    /// Whether it is such a one: what answers it answers another question as well.
    pub within: bool,
}

enum Source {
    Transient { label: String, bytes: u64, keep: bool },
    Imported(Buffer),
}

/// Records dispatches, then makes a [`Plan`] of them.
pub struct PlanBuilder {
    class: DeviceClass,
    quick_start: bool,
    matrix_units: Option<MatrixUnits>,
    subgroups: bool,
    choices: Arc<Choices>,
    variant: Option<usize>,
    questions: Vec<Question>,
    /// What launches answer beside the questions that they name.
    answered: Option<String>,
    sources: Vec<Source>,
    dispatches: Vec<Dispatch>,
    states: HashMap<TypeId, Box<dyn Any + Send>>,
}

impl Default for PlanBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl PlanBuilder {
    /// An empty plan with the kernels of a discrete GPU, which run on every device.
    pub fn new() -> Self {
        Self::for_class(DeviceClass::Discrete)
    }

    /// An empty plan with the kernels that suit a class of devices best. They run on all others too.
    pub fn for_class(class: DeviceClass) -> Self {
        Self {
            class,
            quick_start: false,
            matrix_units: None,
            subgroups: false,
            choices: Arc::default(),
            variant: None,
            questions: Vec::new(),
            answered: None,
            sources: Vec::new(),
            dispatches: Vec::new(),
            states: HashMap::new(),
        }
    }

    /// The same with or without kernels that compile quickly in place of those that run fastest.
    pub fn with_quick_start(self, quick_start: bool) -> Self {
        Self { quick_start, ..self }
    }

    /// The same with or without the kernels for matrix units, which run on devices that have some alone.
    pub fn with_matrix_units(self, matrix_units: Option<MatrixUnits>) -> Self {
        Self { matrix_units, ..self }
    }

    /// The same with or without the kernels whose subgroups exchange values, which run on devices alone that can ([`Gpu::subgroups`]).
    pub fn with_subgroups(self, subgroups: bool) -> Self {
        Self { subgroups, ..self }
    }

    /// The same with variant number `variant` wherever there are as many, so that small shapes can try what large ones take.
    pub fn with_variant(self, variant: Option<usize>) -> Self {
        Self { variant, ..self }
    }

    /// An empty plan with the kernels that suit `gpu` best: of its class, or by its own measurements.
    pub fn for_gpu(gpu: &Gpu) -> Self {
        let of_class = Self::for_class(gpu.class()).with_quick_start(gpu.starts_quickly());
        let (matrix_units, subgroups) = (gpu.matrix_units(), gpu.subgroups());
        Self { choices: gpu.choices(), matrix_units, subgroups, ..of_class }
    }

    /// Which of `options` variants to take, counted from 0: the one that was measured to be the fastest for `question`,
    /// else `default`.
    pub fn choose(&mut self, question: &str, options: usize, default: usize) -> usize {
        self.ask(question, options, default, false);
        self.variant.or(self.choices.get(question)).filter(|&choice| choice < options).unwrap_or(default)
    }

    /// Whether to make at once what launches that choose their own variants could make one after the other: what was measured to be the
    /// faster, else `default`. All launches are the answer then, see [`PlanBuilder::answering`].
    pub fn at_once(&mut self, question: &str, default: bool) -> bool {
        self.ask(question, 2, usize::from(default), true);
        self.choices.get(question).map_or(default, |choice| choice == 1)
    }

    fn ask(&mut self, question: &str, options: usize, default: usize, at_once: bool) {
        if !self.questions.iter().any(|asked| asked.question == question) {
            let (question, within) = (question.to_string(), self.answered.is_some());
            self.questions.push(Question { question, options, default, at_once, within });
        }
    }

    /// The class of devices that kernels are chosen for.
    pub fn class(&self) -> DeviceClass {
        self.class
    }

    /// Whether compiling takes longer than what is gained by it: kernels are then chosen for few and short pipelines.
    pub fn quick_start(&self) -> bool {
        self.quick_start
    }

    /// The units that products of half precision may run on.
    pub fn matrix_units(&self) -> Option<MatrixUnits> {
        self.matrix_units
    }

    /// Whether kernels may be taken whose subgroups exchange values.
    pub fn subgroups(&self) -> bool {
        self.subgroups && !self.quick_start
    }

    /// A tensor that lives from the first to the last dispatch that touches it. Its contents are
    /// undefined before the first write.
    pub fn transient(&mut self, label: impl Into<String>, bytes: u64) -> Tensor {
        let bytes = bytes.next_multiple_of(16).max(16);
        self.add(Source::Transient { label: label.into(), bytes, keep: false }, bytes)
    }

    /// Makes a transient tensor at least `bytes` long; ranges of it that are in use stay what they are.
    pub fn lengthen(&mut self, tensor: Tensor, bytes: u64) {
        if let Source::Transient { bytes: long, .. } = &mut self.sources[tensor.id] {
            *long = bytes.next_multiple_of(16).max(*long);
        }
    }

    /// A buffer that outlives the plan.
    pub fn import(&mut self, buffer: &Buffer) -> Tensor {
        self.add(Source::Imported(buffer.clone()), buffer.bytes())
    }

    fn add(&mut self, source: Source, bytes: u64) -> Tensor {
        self.sources.push(source);
        Tensor { id: self.sources.len() - 1, offset: 0, bytes, format: Format::Single }
    }

    /// Keeps a transient tensor's contents after the run, for [`Plan::tensor`].
    pub fn keep(&mut self, tensor: Tensor) {
        if let Source::Transient { keep, .. } = &mut self.sources[tensor.id] {
            *keep = true;
        }
    }

    /// Appends a launch.
    pub fn dispatch(&mut self, mut dispatch: Dispatch) {
        dispatch.questions.extend(self.answered.clone());
        self.dispatches.push(dispatch);
    }

    /// Appends a launch whose result several others take, which may answer questions; it answers none. Returns its number.
    pub fn dispatch_for_several(&mut self, dispatch: Dispatch) -> usize {
        self.dispatches.push(dispatch);
        self.dispatches.len() - 1
    }

    /// Puts a launch in the place of number `at`, with the questions that it answers itself.
    pub fn replace(&mut self, at: usize, dispatch: Dispatch) {
        self.dispatches[at] = dispatch;
    }

    /// Whether a launch behind number `at` writes to any of `tensor`.
    pub fn writes_behind(&self, at: usize, tensor: Tensor) -> bool {
        self.dispatches.iter().skip(at + 1).any(|dispatch| {
            let written = |binding: &&Binding| binding.access == Access::ReadWrite;
            let mut bound = dispatch.kernel.bindings.iter().filter(written).filter_map(|b| dispatch.bound(b));
            bound.any(|to| to.overlaps(tensor))
        })
    }

    /// What those who record keep of a plan from one launch to the next.
    pub fn state<T: Default + Send + 'static>(&mut self) -> &mut T {
        let state = self.states.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(T::default()));
        state.downcast_mut().expect("a state is kept by its type")
    }

    /// What `record` appends, of which all launches together are the answer to this question as well: where the variants of something
    /// take several launches each.
    pub fn answering<T>(&mut self, question: String, record: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.answered.replace(question);
        let made = record(self);
        self.answered = before;
        made
    }

    /// How many launches are recorded so far.
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// The kernels of the launches recorded so far, by the names of the registry, in order.
    pub fn kernels(&self) -> impl Iterator<Item = &'static str> {
        self.dispatches.iter().map(|dispatch| dispatch.kernel.name)
    }

    /// Whether nothing is recorded.
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Makes pipelines, buffers, bind groups and uniforms.
    ///
    /// # Errors
    /// A dispatch that does not match its kernel, a tensor above the device's limits, or whatever
    /// the driver refuses.
    pub async fn build(self, gpu: &Arc<Gpu>) -> Result<Plan, GpuError> {
        for dispatch in &self.dispatches {
            interface::check(dispatch, gpu)?;
        }
        let recipe =
            |d: &Dispatch| Recipe { kernel: d.kernel, storage: d.storage(), constants: d.constants.clone() };
        let recipes: Vec<Recipe> = self.dispatches.iter().map(recipe).collect();
        // A page's browser compiles while the buffers are made.
        let begun = gpu.begin_pipelines(&recipes);
        let (mut buffers, pooled_bytes, unpooled_bytes, pool_count) = self.make_buffers(gpu).await?;
        let (arena, offsets) = self.make_arena(gpu).await?;
        gpu.make_pipelines(begun).await?;
        let mut pipelines = Vec::with_capacity(self.dispatches.len());
        for recipe in &recipes {
            pipelines.push(gpu.pipeline(recipe).await?);
        }
        let launches: Vec<Launch<'_>> = self
            .dispatches
            .iter()
            .zip(&pipelines)
            .zip(&offsets)
            .map(|((dispatch, pipeline), &uniform)| {
                let bound = |binding| match dispatch.bound(binding) {
                    Some(t) => (binding, &buffers[t.id], t.offset, t.bytes),
                    None => (binding, &arena, uniform, dispatch.uniform.len() as u64),
                };
                Launch {
                    label: &dispatch.label,
                    pipeline,
                    bindings: dispatch.kernel.bindings.iter().map(bound).collect(),
                    params: &dispatch.uniform,
                    grid: fold(dispatch.groups),
                    cost: dispatch.cost,
                }
            })
            .collect();
        let (launches, phases) = match &gpu.vulkan {
            Some(vulkan) => record(gpu, vulkan, &launches)?,
            None => (encoded(gpu, &launches).await?, launches.len()),
        };
        // Behind those of the tensors: it lives as long as the launches that have it.
        buffers.push(arena);
        let steps: Vec<Step> = self
            .dispatches
            .iter()
            .map(|dispatch| Step {
                label: dispatch.label.clone(),
                kernel: dispatch.kernel.name,
                cost: dispatch.cost,
                questions: dispatch.questions.clone(),
            })
            .collect();
        let report = PlanReport {
            dispatches: steps.len(),
            phases,
            submits: launches.submits(),
            transient_buffers: pool_count,
            transient_bytes: pooled_bytes,
            unpooled_bytes,
            macs: steps.iter().map(|s| s.cost.macs).sum(),
            traffic_bytes: steps.iter().map(|s| s.cost.bytes).sum(),
        };
        Ok(Plan::new(gpu.clone(), launches, steps, buffers, report, self.questions))
    }

    async fn make_buffers(&self, gpu: &Gpu) -> Result<(Vec<Buffer>, u64, u64, usize), GpuError> {
        let mut lifetimes: Vec<Lifetime> = Vec::new();
        let mut life_of = vec![usize::MAX; self.sources.len()];
        for (id, source) in self.sources.iter().enumerate() {
            if let Source::Transient { label, bytes, keep } = source {
                let limit = gpu.binding_limit();
                if *bytes > limit {
                    return Err(GpuError::TooLarge { label: label.clone(), bytes: *bytes, limit });
                }
                let uses = |d: &Dispatch| d.bindings.iter().any(|(_, t)| t.id == id);
                let first = self.dispatches.iter().position(uses).unwrap_or(0);
                let last = self.dispatches.iter().rposition(uses).unwrap_or(0);
                life_of[id] = lifetimes.len();
                let last = if *keep { usize::MAX } else { last };
                lifetimes.push(Lifetime { first, last, bytes: *bytes });
            }
        }
        let assignment = pool::assign(&lifetimes);
        let mut pooled = Vec::with_capacity(assignment.sizes.len());
        for (index, bytes) in assignment.sizes.iter().enumerate() {
            pooled.push(gpu.buffer(&format!("transient {index}"), *bytes).await?);
        }
        let buffers = self
            .sources
            .iter()
            .enumerate()
            .map(|(id, source)| match source {
                Source::Imported(buffer) => buffer.clone(),
                Source::Transient { .. } => pooled[assignment.slot[life_of[id]]].clone(),
            })
            .collect();
        let unpooled = lifetimes.iter().map(|l| l.bytes).sum();
        Ok((buffers, assignment.sizes.iter().sum(), unpooled, pooled.len()))
    }

    /// One buffer for the uniforms of all dispatches, written once.
    async fn make_arena(&self, gpu: &Gpu) -> Result<(Buffer, Vec<u64>), GpuError> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut offsets = Vec::with_capacity(self.dispatches.len());
        for dispatch in &self.dispatches {
            bytes.resize(bytes.len().next_multiple_of(ALIGNMENT as usize), 0);
            offsets.push(bytes.len() as u64);
            bytes.extend_from_slice(&dispatch.uniform);
        }
        bytes.resize(bytes.len().next_multiple_of(16).max(16), 0);
        Ok((gpu.buffer_with("uniform arena", &bytes).await?, offsets))
    }
}

/// A grid of `groups` workgroups within WebGPU's 65,535 per dimension; kernels rebuild the linear
/// index from both dimensions and leave out what is beyond their sizes.
fn fold(groups: u64) -> (u32, u32) {
    const MAX: u64 = 65_535;
    if groups <= MAX {
        return (groups.max(1) as u32, 1);
    }
    let rows = groups.div_ceil(MAX);
    (groups.div_ceil(rows) as u32, rows as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels;

    #[test]
    fn grids_fold_at_the_limit() {
        assert_eq!(fold(0), (1, 1));
        assert_eq!(fold(65_535), (65_535, 1));
        assert_eq!(fold(65_536), (32_768, 2));
        for groups in [1_u64, 70_001, 1_000_003, 65_535 * 65_535] {
            let (x, y) = fold(groups);
            assert!(u64::from(x) * u64::from(y) >= groups && x <= 65_535 && y <= 65_535);
        }
    }

    #[test]
    fn a_launch_for_several_answers_nothing_and_grows() {
        let mut plan = PlanBuilder::new();
        let copy =
            |from, to| Dispatch::new(&kernels::LIMITS_COPY, "copy").bind("input", from).bind("output", to);
        let [a, b] = ["a", "b"].map(|label| plan.transient(label, 1024));
        let at = plan.answering("all".into(), |plan| {
            plan.dispatch(copy(a, b));
            plan.dispatch_for_several(copy(a, b))
        });
        *plan.state() = at;
        plan.replace(at, copy(a, b.slice(256, 256)).groups(7));
        assert_eq!((*plan.state::<usize>(), *plan.state::<u32>()), (1, 0));
        let answered = plan.dispatches.iter().map(|d| (d.questions.len(), d.groups)).collect::<Vec<_>>();
        assert_eq!(answered, [(1, 1), (0, 7)]);
        // What the launch itself writes is not behind it.
        assert!(plan.writes_behind(0, b.slice(256, 16)) && !plan.writes_behind(0, b.slice(0, 256)));
        assert!(!plan.writes_behind(0, a) && !plan.writes_behind(1, b));
    }

    #[test]
    fn a_launch_answers_its_own_question_and_the_one_it_is_part_of() {
        let mut plan = PlanBuilder::new();
        assert!(plan.at_once("all", true) && !plan.at_once("others", false));
        plan.answering("others".into(), |plan| {
            assert_eq!(plan.choose("one", 3, 1), 1);
            plan.dispatch(Dispatch::new(kernels::ALL[0], "first").answers("one".into()));
            plan.dispatch(Dispatch::new(kernels::ALL[0], "second"));
        });
        plan.dispatch(Dispatch::new(kernels::ALL[0], "third"));
        let answered = plan.dispatches.iter().map(|dispatch| dispatch.questions.clone()).collect::<Vec<_>>();
        assert_eq!(answered, [vec!["one", "others"], vec!["others"], vec![]]);
        let asked = |q: &Question| (q.question.clone(), q.options, q.default, q.at_once, q.within);
        let [all, others, one] = ["all", "others", "one"].map(String::from);
        assert_eq!(
            plan.questions.iter().map(asked).collect::<Vec<_>>(),
            [(all, 2, 1, true, false), (others, 2, 0, true, false), (one, 3, 1, false, true)]
        );
        let mut choices = Choices::default();
        choices.set("all", 0);
        plan.choices = Arc::new(choices);
        // A case that tries a variant means those of launches.
        let mut plan = plan.with_variant(Some(1));
        assert!(!plan.at_once("all", true) && !plan.at_once("others", false));
        assert_eq!(plan.choose("one", 3, 0), 1);
    }
}
