//! `photonet train`: what it writes, and that stopping and going on changes nothing.

mod common;

use common::*;

#[test]
fn a_folder_of_photos_gives_models_logs_and_the_configuration() {
    let folder = trained();
    for file in files(&folder.join("out")) {
        println!("{} {}", file.0.display(), file.1.len());
    }
    println!("{}", std::fs::read_to_string(folder.join("out/train.log")).unwrap());
    println!("{}", std::fs::read_to_string(folder.join("out/config.yaml")).unwrap());
    println!("{}", run(folder, "infer --model out/best_model photos").said());
}
