//! What `photonet eval` tells of a model, through the program.

mod common;

use common::*;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// A list of the photos of [`trained`] where those of the first class are said to be of the second, so that there are
/// mistakes whatever the model has learned.
fn mislabelled(folder: &Path) -> String {
    let mut lines = String::new();
    for (class, name) in CLASSES.iter().enumerate() {
        for number in 0..10 {
            let ending = if number % 2 == 0 { "png" } else { "jpg" };
            let label = if class == 0 { 1 } else { class };
            lines += &format!("photos/{name}/{number:02}.{ending} {label}\n");
        }
    }
    fs::write(folder.join("wrong.txt"), &lines).expect("the list can be written");
    lines
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is no number"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap_or_else(|| panic!("{value} is no list"))
}

#[test]
fn figures_confusions_and_mistakes_are_those_of_single_answers() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let truth = mislabelled(folder);
    let answers =
        run(folder, "infer --model out/best_model --format json --device cpu photos").ok().json_lines();
    let mut counts = [[0; 3]; 3];
    let mut wrong = Vec::new();
    for line in &answers {
        let file = slashes(line["file"].as_str().unwrap());
        let label = truth.lines().find_map(|l| l.strip_prefix(file.as_str())).unwrap();
        let label: usize = label.trim().parse().unwrap();
        let said = line["top"][0]["index"].as_u64().unwrap() as usize;
        counts[label][said] += 1;
        if label != said {
            wrong.push((number(&line["top"][0]["probability"]), file));
        }
    }
    let command = "eval --model out/best_model --data wrong.txt --format json";
    let json = run(folder, &format!("{command} --mistakes 99 --device cpu")).ok().json();
    for (label, class) in list(&json["classes"]).iter().enumerate() {
        let (correct, images) = (counts[label][label], counts[label].iter().sum::<u64>());
        let predicted: u64 = counts.iter().map(|row| row[label]).sum();
        assert_eq!(class["predicted"], predicted);
        assert_eq!((&class["correct"], &class["images"]), (&correct.into(), &images.into()));
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        assert_eq!(class["recall"].as_f64(), share(correct, images));
        assert_eq!(class["precision"].as_f64(), share(correct, predicted));
        let f1 = share(2 * correct, images + predicted).filter(|_| images > 0);
        assert_eq!(class["f1"].as_f64(), f1);
    }
    let present = list(&json["classes"]).iter().filter(|class| class["images"] != 0);
    let recalls: Vec<f64> = present.map(|class| number(&class["recall"])).collect();
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    assert!((number(&json["mean"]["recall"]) - mean).abs() < 1e-12);
    let mut before = u64::MAX;
    for pair in list(&json["confusions"]) {
        let [truth, said] = ["truth", "said"].map(|side| pair[side]["index"].as_u64().unwrap() as usize);
        assert_eq!(pair["truth"]["label"], CLASSES[truth]);
        assert_eq!(pair["images"], counts[truth][said]);
        let images = pair["images"].as_u64().unwrap();
        assert!(truth != said && images <= before && images > 0, "{pair}");
        before = images;
        counts[truth][said] = 0;
    }
    assert!((0..3).all(|a| (0..3).all(|b| a == b || counts[a][b] == 0)), "left out: {counts:?}");

    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    let told = list(&json["mistakes"]);
    assert!(told.len() == wrong.len() && told.len() >= 10, "{}", json["mistakes"]);
    let sureness = |mistake: &Value| number(&mistake["top"][0]["probability"]);
    for (mistake, (probability, _)) in told.iter().zip(&wrong) {
        assert!((sureness(mistake) - probability).abs() < 1e-6, "{mistake} {probability}");
        let file = slashes(mistake["file"].as_str().unwrap());
        assert!(wrong.iter().any(|(_, wrong)| *wrong == file), "{file}");
        assert_eq!(list(&mistake["top"]).len(), 3);
        assert_ne!(mistake["top"][0]["index"], mistake["truth"]["index"]);
        assert!(number(&mistake["truth"]["probability"]) <= sureness(mistake));
    }

    // Fewer are the first of the same; none is none; and the same on shaders as on the processor.
    let few = run(folder, &format!("{command} --mistakes 3 --device cpu --batch 7")).ok().json();
    let files = |json: &Value| -> Vec<String> {
        list(&json["mistakes"]).iter().map(|m| m["file"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(files(&few), files(&json)[..3]);
    assert_eq!(
        run(folder, &format!("{command} --device cpu")).ok().json()["mistakes"].as_array().unwrap().len(),
        10
    );
    let shaders = run(folder, &format!("{command} --mistakes 99 --device software")).ok().json();
    assert_eq!(shaders["confusions"], json["confusions"]);
    assert_eq!(shaders["classes"], json["classes"]);
    assert_eq!(list(&shaders["mistakes"]).len(), told.len());
}

#[test]
fn text_has_every_figure_the_matrix_and_the_mistakes() {
    let folder = copy_of_trained();
    let folder = folder.path();
    mislabelled(folder);
    let text = run(folder, "eval --model out/best_model --data wrong.txt --mistakes 2").ok().out;
    says(&text, &["precision", "F1", "(mean)", "taken for (columns)", "The surest mistakes:"]);
    let mistakes = text.split("The surest mistakes:").nth(1).unwrap();
    assert_eq!(mistakes.matches("photos/").count() + mistakes.matches("photos\\").count(), 2, "{text}");
    let none = run(folder, "eval --model out/best_model --data wrong.txt --mistakes 0").ok().out;
    assert!(!none.contains("surest"), "{none}");
}

/// A JPEG of `width` x `height` pixels, the left half red and the right half blue, to be turned by a quarter.
fn lying(path: &Path, width: u32, height: u32) {
    let half = image::RgbImage::from_fn(width, height, |x, _| {
        if x < width / 2 { image::Rgb([220, 20, 20]) } else { image::Rgb([20, 20, 220]) }
    });
    let mut jpeg = Vec::new();
    half.write_to(&mut std::io::Cursor::new(&mut jpeg), image::ImageFormat::Jpeg).expect("a JPEG");
    // Orientation 6: the first row is the right side.
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let mut exif = b"\xff\xe1\0\0Exif\0\0".to_vec();
    exif.extend_from_slice(tiff);
    let length = (exif.len() - 2) as u16;
    exif[2..4].copy_from_slice(&length.to_be_bytes());
    jpeg.splice(2..2, exif);
    fs::write(path, jpeg).expect("the photo can be written");
}

/// The pictures of a page.
fn pictures(page: &str) -> Vec<image::RgbImage> {
    let start = "src=\"data:image/jpeg;base64,";
    let decode = |part: &str| {
        let bytes = base64(part.split('"').next().expect("an address"));
        image::load_from_memory(&bytes).expect("a picture").to_rgb8()
    };
    page.split(start).skip(1).map(decode).collect()
}

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c}"),
    };
    let sixes: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    let mut bytes = Vec::new();
    for four in sixes.chunks(4) {
        let bits = four.iter().fold(0_u32, |bits, six| bits << 6 | u32::from(*six)) << (6 * (4 - four.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..four.len()]);
    }
    bytes
}

#[test]
fn a_report_is_one_page_that_needs_nothing_and_shows_photos_upright() {
    let folder = copy_of_trained();
    let folder = folder.path();
    let mut lines = mislabelled(folder);
    let hostile = if cfg!(windows) { "photos/&img src=x;.jpg" } else { "photos/<img src=x>.jpg" };
    lying(&folder.join(hostile), 800, 400);
    fs::write(folder.join("photos/broken.jpg"), "no photo").unwrap();
    // Whatever the first is taken for, one of three labels is wrong, and two of them are mistakes.
    (0..3).for_each(|label| lines += &format!("{hostile} {label}\n"));
    lines += "photos/broken.jpg 0\n";
    fs::write(folder.join("wrong.txt"), lines).unwrap();

    let command = "eval --model out/best_model --data wrong.txt --mistakes 99";
    let ran = run(folder, &format!("{command} --report made/for/me.html")).ok();
    says(&ran.out, &["wrote made/for/me.html"]);
    let page = fs::read_to_string(folder.join("made/for/me.html")).unwrap();
    no_leftovers(folder);
    for outside in ["<script", "http:", "https:", "<link", "url(", "@import", "<img src=x"] {
        assert!(!page.contains(outside), "{outside}");
    }
    says(
        &page,
        &[
            "<!doctype html>",
            "default-src 'none'",
            "prefers-color-scheme: dark",
            "@media print",
            "scope=\"row\"",
        ],
    );
    says(
        &page,
        &["Confusion matrix", "Surest mistakes", "What stands out", "broken.jpg", "<bdi>ümlaut</bdi>"],
    );
    if !cfg!(windows) {
        says(&page, &["photos/&lt;img src=x&gt;.jpg"]);
    }
    let json = run(folder, &format!("{command} --format json --report again.html")).ok();
    says(&json.err, &["wrote again.html"]);
    let mistakes = list(&json.json()["mistakes"]).len();
    assert_eq!(fs::read_to_string(folder.join("again.html")).unwrap(), page);

    let pictures = pictures(&page);
    assert_eq!(pictures.len(), mistakes);
    let turned: Vec<_> = pictures.iter().filter(|picture| picture.height() == 320).collect();
    assert_eq!(turned.len(), 2, "two of three labels are wrong");
    for picture in turned {
        assert_eq!(picture.width(), 160);
        let (top, bottom) = (picture.get_pixel(80, 40), picture.get_pixel(80, 280));
        assert!(top[0] > 150 && top[2] < 90 && bottom[2] > 150 && bottom[0] < 90, "{top:?} {bottom:?}");
    }
}

#[test]
fn a_report_takes_any_label_and_refuses_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let photos = folder.join("photos");
    draw(&photos, 2, 4);
    // Right to left, and with an override that would turn what follows.
    let names =
        if cfg!(windows) { ["זכוכית", "a'b&c"] } else { ["\u{202e}זכוכית", "\"a'b\" <b>&c"] };
    for (drawn, name) in CLASSES.iter().zip(names) {
        fs::rename(photos.join(drawn), photos.join(name)).unwrap();
    }
    train(folder, "photos --epochs 1 --out out").ok();
    // All photos in the wrong folder.
    fs::rename(photos.join(names[0]), folder.join("held")).unwrap();
    fs::rename(photos.join(names[1]), photos.join(names[0])).unwrap();
    fs::rename(folder.join("held"), photos.join(names[1])).unwrap();
    run(folder, "eval --model out/best_model --data photos --report page.html").ok();
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains(&format!("<bdi>{}</bdi>", names[0])), "{page}");
    assert!(!page.contains("<b>") && !page.contains("\"a'b\""));
    assert!(page.contains("a&#39;b"), "{page}");

    let refused = run(folder, "eval --model out/best_model --data photos --report photos").failed();
    says(&refused, &["--report photos is a folder", "photos/report.html"]);
    assert!(!refused.contains("wrote") && photos.is_dir());
    let report =
        |path: &str| run(folder, &format!("eval --model out/best_model --data photos --report {path}"));
    for (path, words) in [
        ("out/best_model/model.safetensors", "is not called .html"),
        ("photos/photo.jpg", "is not called .html"),
        ("mine.html", "would overwrite a file that is no page"),
    ] {
        fs::write(folder.join("mine.html"), "my notes").unwrap();
        says(&report(path).failed(), &[path, words]);
    }
    assert_eq!(fs::read_to_string(folder.join("mine.html")).unwrap(), "my notes");
    // Over an earlier one, or over nothing.
    report("page.html").ok();
    fs::write(folder.join("mine.HTM"), "").unwrap();
    report("mine.HTM").ok();
    assert!(fs::read_to_string(folder.join("mine.HTM")).unwrap().starts_with("<!doctype html>"));
}

#[test]
fn a_folder_of_no_class_is_in_the_way_with_photos_alone_and_top_5_of_few_classes_is_not_told() {
    let folder = copy_of_trained();
    let folder = folder.path();
    fs::create_dir(folder.join("photos/empty")).unwrap();
    fs::write(folder.join("photos/empty/notes.txt"), "notes").unwrap();
    // What macOS leaves in a zip file is no class, and not among the photos to classify either.
    fs::create_dir_all(folder.join("photos/__MACOSX/grass")).unwrap();
    fs::write(folder.join("photos/__MACOSX/grass/00.png"), "Mac OS X").unwrap();
    let answers = run(folder, "infer --model out/best_model --format json photos").ok().json_lines();
    assert_eq!(answers.len(), 30);
    let ran = run(folder, "eval --model out/best_model --data photos --report page.html").ok();
    says(&ran.err, &["1 folder without photos left out, of no class of the model: empty"]);
    assert!(!ran.out.contains("top-5"), "{}", ran.out);
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(page.contains("Top-1") && !page.contains("Top-5"), "{page}");
    fs::copy(folder.join("photos/grass/00.png"), folder.join("photos/empty/00.png")).unwrap();
    let refused = run(folder, "eval --model out/best_model --data photos").failed();
    says(&refused, &["there is no class \"empty\"", "blue sky, grass"]);
}

#[test]
fn of_many_classes_a_report_has_the_most_frequent_confusions_first() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    draw(&folder.join("photos"), 2, 3);
    // A network of 50 classes, of which two have photos, and a model that has learned nothing.
    let names: String = (0..50).map(|class| format!("{class} class number {class}\n")).collect();
    fs::write(folder.join("label_list.txt"), names).unwrap();
    let lines: String = (0..3)
        .flat_map(|at| {
            let ending = if at % 2 == 0 { "png" } else { "jpg" };
            CLASSES[..2]
                .iter()
                .enumerate()
                .map(move |(class, name)| format!("photos/{name}/{at:02}.{ending} {}\n", 48 + class))
        })
        .collect();
    ["train_list.txt", "val_list.txt"].iter().for_each(|list| fs::write(folder.join(list), &lines).unwrap());
    train(folder, ". --epochs 1 --lr 0 --out out").ok();
    let ran = run(folder, "eval --model out/best_model --data val_list.txt --report page.html").ok();
    says(&ran.out, &["What was confused most:", "of 3"]);
    let page = fs::read_to_string(folder.join("page.html")).unwrap();
    assert!(!page.contains("Confusion matrix"), "{page}");
    // Of those without photos only what was answered is in the table.
    assert!(page.matches("<th scope=\"row\"").count() < 20, "{page}");
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
    assert!(at("Most confused") < at("Surest mistakes") && at("Surest mistakes") < at("<h2>Classes"));
    says(&page, &["classes without photos, never answered, not shown", "class number 48", "No photos: "]);
}
