//! Output folders that hold something of the user's or lie among the photos, and checkpoints and models that are not what they
//! are taken for.

mod common;

use common::*;
use std::fs;

#[test]
fn files_that_are_no_runs_are_not_replaced() {
    let folder = copy_of_trained();
    let folder = folder.path();
    fs::copy(folder.join("out/config.yaml"), folder.join("config.yaml")).unwrap();
    fs::write(folder.join("train_list.txt"), "mine").unwrap();
    let here = "train -c config.yaml --epochs 1 -o Global.output_dir=.";
    says(
        &run(folder, here).failed(),
        &[
            ". holds no run, but config.yaml and train_list.txt, which a run would replace",
            "--out",
            "--overwrite",
        ],
    );
    assert_eq!(fs::read_to_string(folder.join("train_list.txt")).unwrap(), "mine");
    assert!(!folder.join("train.log").exists());
    fs::write(folder.join("file"), "").unwrap();
    for out in ["file", "file/out"] {
        let words =
            format!("there can be no output folder {out}, as file is a file: give another with --out");
        says(&run(folder, &format!("train -c config.yaml --out {out}")).failed(), &[&words]);
    }
}

#[test]
fn a_run_among_its_photos_is_refused_and_an_old_one_there_goes_on() {
    let folder = workplace();
    let folder = folder.path();
    let photos = folder.join("photos");
    let refused = train(folder, "photos --epochs 1 --out photos").failed();
    says(&refused, &["the output folder photos is that of the photos", "outside of photos with --out"]);
    let refused = train(&photos, ". --epochs 1").failed();
    says(&refused, &["./output/ lies among the class folders, where it would be taken for one", "--out"]);
    assert!(!photos.join("output").exists() && !photos.join("train_list.txt").exists());
    // As an older version left it.
    train(&photos, ". --epochs 2 --stop-after 1 --out ../old").ok();
    fs::rename(folder.join("old"), photos.join("output")).unwrap();
    train(&photos, "--resume output/latest --out output").ok();
    assert_eq!(state(&photos.join("output/latest"))["step"], 6);
    // It is no class.
    let said = train(&photos, ". --epochs 1 --out ../new").ok().out;
    says(&said, &["3 classes"]);
}

#[test]
fn random_steps_of_evaluation_are_refused_before_training_and_in_a_model() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let ops = "DataLoader.Eval.dataset.transform_ops=[{RandCropImage: {size: 32}}]";
    let output =
        program(folder).args(["train", "-c", "out/config.yaml", "--out", "again", "-o", ops]).output();
    says(
        &Ran::of(output.unwrap()).failed(),
        &["DataLoader.Eval.dataset.transform_ops holds steps that draw random"],
    );
    assert!(!folder.join("again").exists());
    let mut model = photonet_train::load_model(&folder.join("out/best_model")).unwrap();
    model.recipe = photonet_vision::Recipe::train(32);
    model.save(&folder.join("random.safetensors")).unwrap();
    for command in ["infer photos/grass/00.png", "eval -d photos"] {
        let failed = run(folder, &format!("{command} --model random.safetensors")).failed();
        says(&failed, &["the model's own preprocessing draws random numbers", "Infer.transforms"]);
        assert!(!failed.contains("could not be read"), "{failed}");
    }
    let failed = run(folder, "eval -d photos --model out/latest/optimiser.safetensors").failed();
    says(&failed, &["keeps of the optimiser, not a model: give out/latest/model.safetensors"]);
}

#[test]
fn a_run_that_goes_on_with_other_settings_says_which_and_with_other_classes_does_not() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let resume = "train --resume out/latest --epochs 3 --stop-after 3 --patience 9";
    let said = run(folder, &format!("{resume} --out same")).ok().said();
    assert!(!said.contains("other settings"), "{said}");
    let said = run(
        folder,
        &format!("{resume} --out other -o Arch.dropout_prob=0.5 -o Loss.Train.0.CELoss.epsilon=0.1"),
    )
    .ok()
    .said();
    says(
        &said,
        &[
            "WARNING: the run goes on with other settings than its checkpoint's: Arch.dropout_prob (0.5, there 0.2), Loss.Train.CELoss.epsilon (0.1, there 0.0)",
        ],
    );
    let lists = "-o DataLoader.Train.dataset.image_root=/ -o DataLoader.Train.dataset.cls_label_path=out/train_list.txt \
                 -o DataLoader.Eval.dataset.cls_label_path=out/val_list.txt";
    fs::write(folder.join("names.txt"), "0 sky\n1 grass\n2 water\n").unwrap();
    let names = "-o Infer.PostProcess.class_id_map_file=names.txt";
    let failed = run(folder, &format!("{resume} --out third {lists} {names}")).failed();
    says(&failed, &["cannot resume from out/latest: its class 0 is called blue sky, now it is sky"]);
    run(folder, &format!("{resume} --out third {lists}")).ok();
}
