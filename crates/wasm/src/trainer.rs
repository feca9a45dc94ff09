//! Training in a page.

use crate::error::EngineError;
use crate::settings::Settings;
use futures_channel::oneshot;
use photonet_gpu::{Compiled, DeviceChoice, DeviceClass, Gpu, GpuOptions};
use photonet_model::Model;
use photonet_train::config::Config;
use photonet_train::evaluate::Evaluation;
use photonet_train::session::{Gallery, Kept, Progress, Session};
use photonet_vision::Rgb;
use serde::Serialize;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

/// The memory that photos may take, in bytes.
const MEMORY: u64 = 2 << 30;

const TOO_LATE: &str = "photos are added before the training begins";

/// What a training is like, for the page.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Begun {
    train_photos: usize,
    val_photos: usize,
    steps_per_epoch: u64,
    epochs: u32,
    size: u32,
    learning_rate: f64,
    architecture: String,
    /// The adapter's name.
    device: String,
    /// Whether it is the processor, which takes long.
    software: bool,
    notes: Vec<String>,
}

/// Photos in the making of a model.
pub struct Trainer {
    gpu: Arc<Gpu>,
    config: Config,
    labels: Vec<String>,
    /// For photos, in bytes.
    memory: u64,
    stage: Stage,
    /// Told when what is compiled ahead is there.
    ahead: Option<oneshot::Receiver<()>>,
}

enum Stage {
    /// Photos are added; the model is what to start from.
    Gathering(Box<(Gallery, Option<Model>)>),
    Training(Box<Session>),
    /// It could not begin, or was closed.
    Over,
}

impl Trainer {
    /// Opens the device. `start` is the file of a model to start from, with its name for messages.
    pub async fn open(settings: &str, start: Option<(&[u8], &str)>) -> Result<Self, EngineError> {
        let settings: Settings = serde_json::from_str(settings)
            .map_err(|e| EngineError::Training(format!("the settings cannot be read: {e}")))?;
        let model = start.map(|(bytes, name)| Model::from_bytes(bytes, Path::new(name))).transpose()?;
        let config = settings.config(model.as_ref())?;
        Session::check(&config, settings.classes.len(), model.as_ref())?;
        let options =
            GpuOptions { portable: true, shader_f16: settings.half, ..GpuOptions::new(DeviceChoice::Auto) };
        let gpu = Gpu::open(&options).await?;
        let stage = Stage::Gathering(Box::new((Gallery::new(&config), model)));
        Ok(Self { gpu, config, labels: settings.classes, memory: MEMORY, stage, ahead: None })
    }

    /// Compiles the kernels that photos which fill a batch will need, while they are added: [`Trainer::begin`] waits for it. What goes
    /// wrong goes wrong again there, and is told then.
    pub fn compile_ahead(&mut self) -> impl Future<Output = ()> + use<> {
        let (done, ahead) = oneshot::channel();
        self.ahead = Some(ahead);
        let model = match &self.stage {
            Stage::Gathering(gathered) => gathered.1.clone(),
            _ => None,
        };
        let (gpu, config, labels) = (self.gpu.clone(), self.config.clone(), self.labels.clone());
        async move {
            let _ = Session::compile_ahead(&gpu, &config, &labels, model).await;
            // Where nobody waits, nobody is told.
            let _ = done.send(());
        }
    }

    /// Takes a photo of a class, before the training begins.
    pub fn add(&mut self, photo: &Rgb, name: &str, label: u32) -> Result<(), EngineError> {
        Ok(self.gallery(label)?.add(photo, name, label)?)
    }

    /// How photos are taken, for [`Intake::read`] in other threads.
    pub fn intake(&self) -> Result<String, EngineError> {
        match &self.stage {
            Stage::Gathering(gathered) => Ok(gathered.0.intake().written()?),
            _ => Err(EngineError::Training(TOO_LATE.into())),
        }
    }

    /// Takes what another thread has kept of a photo of a class, as [`Kept::to_bytes`] gives it.
    pub fn add_kept(&mut self, kept: &[u8], name: &str, label: u32) -> Result<(), EngineError> {
        let kept = Kept::from_bytes(kept)?;
        Ok(self.gallery(label)?.take(kept, name, label)?)
    }

    /// What takes a photo of class `label`.
    fn gallery(&mut self, label: u32) -> Result<&mut Gallery, EngineError> {
        let refuse = |reason: String| Err(EngineError::Training(reason));
        let Stage::Gathering(gathered) = &mut self.stage else {
            return refuse(TOO_LATE.into());
        };
        let (gallery, _) = &mut **gathered;
        if label as usize >= self.labels.len() {
            return refuse(format!("class {label} is none of the {} classes", self.labels.len()));
        }
        if gallery.bytes() >= self.memory {
            return refuse(format!(
                "{} photos take {} MB, which is all that there is for them: take a smaller size, or train with the program",
                gallery.len(),
                gallery.bytes() >> 20
            ));
        }
        Ok(gallery)
    }

    /// Whether no more photos are taken, as those that are there fill the memory for them.
    pub fn is_full(&self) -> bool {
        matches!(&self.stage, Stage::Gathering(gathered) if gathered.0.bytes() >= self.memory)
    }

    /// Divides the photos and compiles the kernels that are not there yet, of which `told` hears. With too few photos more can be
    /// added; where it fails otherwise, a new trainer is needed.
    pub async fn begin(&mut self, told: impl Fn(Compiled)) -> Result<Begun, EngineError> {
        if let Stage::Gathering(gathered) = &self.stage {
            gathered.0.check(self.labels.len())?;
        }
        let gathered = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Gathering(gathered) => gathered,
            other => {
                self.stage = other;
                let reason = "the training has begun already: open another trainer";
                return Err(EngineError::Training(reason.into()));
            }
        };
        let (gallery, model) = *gathered;
        let ahead = self.ahead.take();
        let starting = async {
            if let Some(ahead) = ahead {
                // Or it was given up.
                let _ = ahead.await;
            }
            Session::start(&self.gpu, self.config.clone(), &self.labels, gallery, model).await
        };
        let session = telling(&self.gpu, starting, told).await?;
        self.gpu.check()?;
        let (train_photos, val_photos) = session.photos();
        let begun = Begun {
            train_photos,
            val_photos,
            steps_per_epoch: session.steps_per_epoch(),
            epochs: self.config.global.epochs,
            size: self.config.eval.recipe.output_size().map_or(0, |(width, _)| width),
            learning_rate: self.config.optimizer.schedule.learning_rate,
            architecture: session.architecture().to_string(),
            device: self.gpu.adapter().name.clone(),
            software: self.gpu.class() == DeviceClass::Software,
            notes: session.notes().iter().cloned().chain(self.reduced()).collect(),
        };
        self.stage = Stage::Training(Box::new(session));
        Ok(begun)
    }

    /// Says so where photos are kept smaller by another way than the model's own.
    fn reduced(&self) -> Option<String> {
        let kept = self.config.train.keep_short?;
        (!self.config.train.recipe.antialiases()).then(|| {
            format!(
                "photos are learned from {kept} pixels of their short side, to which they are reduced with antialias, which this \
                 model's own preprocessing has not: it learns them a little softer than it is shown them later"
            )
        })
    }

    fn session(&self) -> Result<&Session, EngineError> {
        match &self.stage {
            Stage::Training(session) => Ok(session),
            _ => Err(EngineError::Training("the training has not begun".into())),
        }
    }

    /// Does a step.
    pub async fn advance(&mut self) -> Result<Progress, EngineError> {
        match &mut self.stage {
            Stage::Training(session) => Ok(session.advance().await?),
            _ => Err(EngineError::Training("the training has not begun".into())),
        }
    }

    /// What the best model so far is worth; nothing before the end of the first epoch.
    pub fn judgement(&self) -> Option<Judgement<'_>> {
        let Stage::Training(session) = &self.stage else { return None };
        let verdict = session.verdict();
        session.best().map(|(_, evaluation)| Judgement { evaluation, verdict })
    }

    /// The file of the best model so far.
    pub fn model(&self) -> Result<Vec<u8>, EngineError> {
        match self.session()?.best() {
            Some((model, _)) => Ok(model.to_bytes()?),
            None => Err(EngineError::Training("there is no model before the end of the first epoch".into())),
        }
    }

    /// Frees what the device and the photos take.
    pub fn close(&mut self) {
        self.stage = Stage::Over;
        self.gpu.destroy();
    }
}

/// Waits, and tells whenever a part of what is waited for has come and with it more kernels are compiled, or wanted. What was before
/// is told first.
async fn telling<T>(gpu: &Gpu, waiting: impl Future<Output = T>, told: impl Fn(Compiled)) -> T {
    let mut waiting = pin!(waiting);
    let mut last = Compiled::default();
    poll_fn(|context| {
        let polled = waiting.as_mut().poll(context);
        let now = gpu.compiled();
        if now != last {
            last = now;
            told(now);
        }
        polled
    })
    .await
}

/// What the best model so far is worth on the photos that were set aside.
#[derive(Debug, Serialize)]
pub struct Judgement<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    /// A sentence where it is of no use.
    verdict: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use photonet_train::session::Intake;
    use pollster::block_on;
    use std::cell::Cell;

    #[test]
    fn photos_become_a_model_and_each_call_has_its_time() {
        block_on(async {
            let asked =
                r#"{"classes": ["dark", "light"], "size": 32, "width": 0.35, "epochs": 2, "batch": 4}"#;
            let mut trainer = Trainer::open(asked, None).await.unwrap();
            trainer.compile_ahead().await;
            assert!(trainer.begin(|_| ()).await.unwrap_err().to_string().contains("0 photos of 0 classes"));
            let photo = |level: u8| Rgb::new(40, 40, vec![level; 40 * 40 * 3]).unwrap();
            for (number, level) in
                [(0, 20), (1, 230), (0, 40), (1, 200), (0, 60), (1, 240), (0, 10), (1, 250)]
            {
                let (photo, name) = (photo(level), format!("{level}"));
                // Half of them as another thread would.
                if level % 20 == 0 {
                    let intake = Intake::read(&trainer.intake().unwrap()).unwrap();
                    let kept = intake.keep(&photo).unwrap().to_bytes();
                    trainer.add_kept(&kept, &name, number).unwrap();
                } else {
                    trainer.add(&photo, &name, number).unwrap();
                }
            }
            assert!(trainer.add_kept(&[0; 3], "cut off", 0).is_err());
            assert!(
                trainer.add(&photo(9), "far", 2).unwrap_err().to_string().contains("none of the 2 classes")
            );
            assert!(trainer.advance().await.unwrap_err().to_string().contains("has not begun"));
            assert!(!trainer.is_full());
            trainer.memory = 1000;
            assert!(trainer.is_full());
            let full = trainer.add(&photo(9), "more", 0).unwrap_err();
            assert!(full.kind() == "training" && full.to_string().contains("8 photos take"), "{full}");
            let told = Cell::new(Compiled::default());
            let begun = trainer.begin(|compiled| told.set(compiled)).await.unwrap();
            assert!(told.get().done > 20 && told.get().done == told.get().wanted, "{told:?}");
            assert_eq!(
                (begun.train_photos, begun.val_photos, begun.steps_per_epoch, begun.size),
                (6, 2, 1, 32)
            );
            assert!(trainer.begin(|_| ()).await.is_err() && trainer.add(&photo(9), "late", 0).is_err());
            assert!(trainer.intake().unwrap_err().to_string().contains("before the training begins"));
            assert!(trainer.judgement().is_none());
            assert!(trainer.model().unwrap_err().to_string().contains("end of the first epoch"));
            assert!(!trainer.advance().await.unwrap().done);
            let last = trainer.advance().await.unwrap();
            assert!(last.done && last.evaluation.is_some());
            assert!(trainer.advance().await.unwrap_err().to_string().contains("is over"));
            let model = Model::from_bytes(&trainer.model().unwrap(), Path::new("trained")).unwrap();
            assert_eq!(model.labels, ["dark", "light"]);
            let judgement = serde_json::to_value(trainer.judgement()).unwrap();
            assert_eq!(judgement["images"], 2);
            trainer.close();
            assert!(trainer.model().is_err());
        });
    }
}
