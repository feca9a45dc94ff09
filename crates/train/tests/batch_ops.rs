//! PaddleClas's operators on batches and how classes count: read, refused, and written back.

use photonet_train::config::{ClassWeights, Config};
use photonet_vision::{Mixing, Strength};

fn read(text: &str) -> Result<Config, String> {
    Config::from_yaml(text, "run.yaml", &[]).map_err(|e| e.to_string())
}

fn with_ops(ops: &str) -> String {
    format!("DataLoader:\n  Train:\n    dataset:\n      batch_transform_ops: {ops}\n")
}

/// The mixing of a file. The whole must also read back from what is written of it.
fn mixing(ops: &str) -> Mixing {
    let config = read(&with_ops(ops)).unwrap_or_else(|e| panic!("{ops}: {e}"));
    let text = config.to_yaml();
    assert_eq!(read(&text).as_ref(), Ok(&config), "{text}");
    config.train.mixing
}

fn strength(probability: f64, alpha: f64) -> Strength {
    Strength { probability, alpha }
}

#[test]
fn mixing_is_read_as_paddleclas_writes_it() {
    let off = Mixing::default();
    assert_eq!(mixing("[]"), off);
    assert_eq!(mixing("[{MixupOperator: {alpha: 0.2}}]"), Mixing { mixup: strength(1.0, 0.2), ..off });
    assert_eq!(mixing("[CutmixOperator: ]"), Mixing { cutmix: strength(1.0, 0.2), ..off });
    assert_eq!(mixing("[MixupOperator]"), Mixing { mixup: strength(1.0, 1.0), ..off });
    let ops =
        "[{OpSampler: {MixupOperator: {alpha: 0.8, prob: 0.5}, CutmixOperator: {alpha: 1.0, prob: 0.5}}}]";
    assert_eq!(mixing(ops), Mixing { mixup: strength(0.5, 0.8), cutmix: strength(0.5, 1.0) });
    let one = mixing("[{OpSampler: {CutmixOperator: {alpha: 0.3, prob: 0.1}}}]");
    assert_eq!(one, Mixing { cutmix: strength(0.1, 0.3), ..off });
    let c = read(&with_ops("[{OpSampler: {MixupOperator: {alpha: 0.8}}}]")).unwrap();
    assert!(c.train.mixing.is_off());
    assert!(c.warnings.concat().contains("OpSampler.MixupOperator.prob is not given"), "{:?}", c.warnings);
}

#[test]
fn what_no_batch_can_be_mixed_by_is_refused() {
    for (ops, words) in [
        (
            "[{MixupOperator: {alpha: 0}}]",
            "MixupOperator is a section (alpha: ...), but alpha must be above 0, not 0",
        ),
        ("[{CutmixOperator: {alpha: -1}}]", "alpha must be above 0, not -1"),
        ("[{MixupOperator: {alfa: 0.2}}]", "did you mean"),
        (
            "[{OpSampler: {MixupOperator: {prob: 0.7}, CutmixOperator: {prob: 0.5}}}]",
            "the probabilities must be at most 1 together",
        ),
        ("[{OpSampler: {FmixOperator: {prob: 1}}}]", "supported: MixupOperator, CutmixOperator"),
        ("[{MixupOprator: {}}]", "did you mean MixupOperator?"),
        ("[{MixupCutmixHybrid: {}}]", "supported: MixupOperator, CutmixOperator, OpSampler"),
    ] {
        let text = read(&with_ops(ops)).unwrap_err();
        assert!(text.contains(words), "{ops}: {text}");
    }
}

#[test]
fn the_loss_of_mixed_photos_and_the_weights_of_classes_are_read_and_written_back() {
    let with = |loss: &str| {
        let config = read(&format!("Loss:\n  Train: [{loss}]\n"));
        if let Ok(config) = &config {
            assert_eq!(read(&config.to_yaml()).unwrap(), *config);
        }
        config.map(|config| config.loss)
    };
    // As older files for mixed photos have it.
    let loss = with("{MixCELoss: {weight: 1.0, epsilon: 0.1}}").unwrap();
    assert_eq!((loss.epsilon, loss.class_weights), (0.1, ClassWeights::Equal));
    let loss = with("{CELoss: {class_weights: balanced}}").unwrap();
    assert_eq!((loss.epsilon, loss.class_weights), (0.0, ClassWeights::Balanced));
    let loss = with("{CELoss: {class_weights: [1, 0.25, 1/3]}}").unwrap();
    assert_eq!(loss.class_weights, ClassWeights::Given(vec![1.0, 0.25, 1.0 / 3.0]));
    for (loss, words) in [
        ("{CELoss: {class_weights: even}}", "it must be balanced, or a list of one number for each class"),
        ("{CELoss: {class_weights: 2}}", "it must be balanced, or a list"),
        ("{CELoss: {class_weights: [1, -1]}}", "must not be negative"),
        ("{CELoss: {class_weights: [0, 0]}}", "one class must count more than nothing"),
        ("{CELoss: {class_weight: balanced}}", "did you mean Loss.Train.0.CELoss.class_weights?"),
    ] {
        let text = with(loss).unwrap_err();
        assert!(text.contains(words), "{loss}: {text}");
    }
    let eval = read("Loss: {Eval: [{CELoss: {class_weights: balanced}}]}").unwrap();
    assert!(
        eval.warnings.concat().starts_with("Loss.Eval has weights of classes, which changes no accuracy")
    );
}

/// PaddleClas's loss without label smoothing takes the softmax of mixed labels.
#[test]
fn a_file_is_told_where_mixed_labels_are_taken_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.yaml");
    let warnings = |loss: &str| {
        std::fs::write(&path, with_ops("[{MixupOperator: {alpha: 0.2}}]") + loss).unwrap();
        Config::load(photonet_train::config::Task::Train, &path, &[]).unwrap().warnings.concat()
    };
    let text = warnings("");
    assert!(text.contains("the labels of mixed photos are taken as they are"), "{text}");
    assert_eq!(warnings("Loss: {Train: [{CELoss: {epsilon: 0.1}}]}\n"), "");
}
