//! What classifies: a GPU, or the processor.

use crate::TrainError;
use photonet_cpu::CpuNetwork;
use photonet_gpu::Gpu;
use photonet_model::{Features, InferenceNetwork, InferenceOptions, Input, Model, Precision, check_finite};
use rayon::prelude::*;
use std::sync::Arc;

/// Where photos are classified. Training needs a GPU, be it one in software.
#[derive(Clone, Debug)]
pub enum Machine {
    /// The shaders on a device.
    Gpu {
        /// The device.
        gpu: Arc<Gpu>,
        /// How weights and activations lie in its memory.
        precision: Precision,
    },
    /// The processor, on all its threads. Much faster than a GPU in software.
    Cpu,
}

/// A network on a machine, for batches of one size.
pub(crate) struct Network {
    batch: usize,
    input: Input,
    place: Place,
}

enum Place {
    Gpu(Box<InferenceNetwork>),
    /// One for each thread that a batch can keep busy; each image is one's work alone, so their number
    /// changes no result.
    Cpu(Vec<CpuNetwork>),
}

impl Network {
    /// Prepares `model` for batches of up to `batch` images, fewer where a device cannot hold as many.
    ///
    /// # Errors
    /// A model whose preprocessing it does not fit or is for training alone, or a device that fails.
    pub async fn new(machine: &Machine, model: &Model, batch: usize) -> Result<Self, TrainError> {
        if model.recipe.is_random() {
            return Err(TrainError::Request(
                "the model's own preprocessing draws random numbers, which are for training, so that it classifies no photo: \
                 give another by -c FILE.yaml, in Infer.transforms or for eval in DataLoader.Eval, or train the model anew with \
                 no such operators in DataLoader.Eval"
                    .into(),
            ));
        }
        let input = Input::of(&model.recipe)?;
        let place = match machine {
            Machine::Gpu { gpu, precision } => {
                let precision = *precision;
                let options = InferenceOptions { batch, input, count_topk: None, precision };
                let network = InferenceNetwork::fitting(gpu, &model.architecture, &model.weights, &options);
                Place::Gpu(Box::new(network.await?))
            }
            Machine::Cpu => {
                let threads = rayon::current_num_threads().clamp(1, batch.max(1));
                let network = |_| CpuNetwork::new(&model.architecture, &model.weights, &input);
                Place::Cpu((0..threads).map(network).collect::<Result<_, _>>()?)
            }
        };
        let batch = match &place {
            Place::Gpu(network) => network.batch(),
            Place::Cpu(_) => batch,
        };
        Ok(Self { batch, input, place })
    }

    /// Images of a batch: as many as were asked for, or as the device can hold.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        self.input.image_bytes()
    }

    /// The logits of each of the images in `pixels`, at most a batch.
    ///
    /// # Errors
    /// A lost device, or logits that are not finite.
    pub async fn logits(&mut self, pixels: &[u8]) -> Result<Vec<Vec<f32>>, TrainError> {
        let logits = match &mut self.place {
            Place::Gpu(network) => {
                submit(network, pixels, self.batch, self.input)?;
                network.logits().await?
            }
            Place::Cpu(networks) => {
                spread(networks, pixels, self.input, |network, image| Ok(network.run(image)?.logits.clone()))?
            }
        };
        logits.iter().try_for_each(|row| check_finite(row))?;
        Ok(logits)
    }

    /// The features of each of the images in `pixels`, at most a batch.
    ///
    /// # Errors
    /// A lost device, or features that are not finite.
    pub async fn features(&mut self, pixels: &[u8]) -> Result<Vec<Features>, TrainError> {
        let features = match &mut self.place {
            Place::Gpu(network) => {
                submit(network, pixels, self.batch, self.input)?;
                network.features().await?
            }
            Place::Cpu(networks) => spread(networks, pixels, self.input, |network, image| {
                let outputs = network.run(image)?;
                Ok(Features { pooled: outputs.pooled.clone(), head: outputs.head.clone() })
            })?,
        };
        features.iter().flat_map(|of| [&of.pooled, &of.head]).try_for_each(|row| check_finite(row))?;
        Ok(features)
    }
}

/// A device takes whole batches: what is missing is black.
fn submit(network: &InferenceNetwork, pixels: &[u8], batch: usize, input: Input) -> Result<(), TrainError> {
    let mut whole = pixels.to_vec();
    whole.resize(batch * input.image_bytes(), 0);
    Ok(network.run(&whole, &[])?)
}

/// Shares the images out among the networks; the results are in the images' order.
fn spread<T: Send>(
    networks: &mut [CpuNetwork],
    pixels: &[u8],
    input: Input,
    run: impl Fn(&mut CpuNetwork, &[u8]) -> Result<T, TrainError> + Sync,
) -> Result<Vec<T>, TrainError> {
    let images: Vec<&[u8]> = pixels.chunks_exact(input.image_bytes()).collect();
    let share = images.len().div_ceil(networks.len()).max(1);
    let of_networks: Vec<Vec<T>> = networks
        .par_iter_mut()
        .zip(images.par_chunks(share))
        .map(|(network, images)| images.iter().map(|image| run(network, image)).collect())
        .collect::<Result<_, _>>()?;
    Ok(of_networks.into_iter().flatten().collect())
}
