//! The untyped tree between the YAML text and the typed configuration.
//!
//! It keeps with each value where the user wrote it, so that every later error can point there.

use std::sync::Arc;

use saphyr::{LoadableYamlNode, MarkedYamlOwned, Scalar, ScalarOwned, YamlDataOwned};

use super::error::{ConfigError, Place};

/// One value of the tree and its place in the input.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub value: Value,
    pub place: Arc<Place>,
}

impl Node {
    /// Where it stands, or the override that changed something below it: then what is wrong with the whole came by that.
    pub fn touched(&self) -> &Arc<Place> {
        self.overridden().unwrap_or(&self.place)
    }

    fn overridden(&self) -> Option<&Arc<Place>> {
        if matches!(*self.place, Place::Override(_)) {
            return Some(&self.place);
        }
        match &self.value {
            Value::List(items) => items.iter().rev().find_map(Node::overridden),
            Value::Map(entries) => entries.iter().rev().find_map(|(_, node)| node.overridden()),
            _ => None,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Value {
    /// The value in a few words, for an error message.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "empty".to_owned(),
            Value::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
            Value::Int(i) => i.to_string(),
            Value::Float(x) => format!("{x:?}"),
            Value::Text(s) => format!("{s:?}"),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) => match entries.as_slice() {
                [] => "an empty section".to_owned(),
                [(only, _)] => format!("a section ({only}: ...)"),
                [(first, _), ..] => format!("a section ({first}: ..., ...)"),
            },
        }
    }

    /// The meaning of an unquoted word: YAML's, and Python's `None`.
    pub fn from_plain(word: &str) -> Value {
        scalar(Scalar::parse_from_cow(word.into()).into_owned())
    }
}

fn scalar(value: ScalarOwned) -> Value {
    match value {
        ScalarOwned::Null => Value::Null,
        ScalarOwned::Boolean(b) => Value::Bool(b),
        ScalarOwned::Integer(i) => Value::Int(i),
        ScalarOwned::FloatingPoint(x) => Value::Float(*x),
        ScalarOwned::String(s) if s == "None" => Value::Null,
        ScalarOwned::String(s) => Value::Text(s),
    }
}

/// Reads one YAML document. An empty text is an empty section.
///
/// `place_of` gives the place of a line, so that the same reader serves files and overrides.
pub(crate) fn parse(text: &str, place_of: &dyn Fn(usize) -> Place) -> Result<Node, ConfigError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = MarkedYamlOwned::load_from_str(text).map_err(|e| ConfigError::Syntax {
        place: Arc::new(place_of(e.marker().line())),
        message: e.info().to_owned(),
    })?;
    let mut documents = documents.into_iter();
    let Some(first) = documents.next() else {
        return Ok(Node { value: Value::Map(Vec::new()), place: Arc::new(place_of(1)) });
    };
    if let Some(second) = documents.next() {
        return Err(ConfigError::Syntax {
            place: Arc::new(place_of(second.span.start.line())),
            message: "a second YAML document begins here; only one is read".to_owned(),
        });
    }
    convert(first, place_of)
}

fn convert(node: MarkedYamlOwned, place_of: &dyn Fn(usize) -> Place) -> Result<Node, ConfigError> {
    let place = Arc::new(place_of(node.span.start.line()));
    let bad = |message: &str| ConfigError::Syntax { place: Arc::clone(&place), message: message.to_owned() };
    let value = match node.data {
        YamlDataOwned::Value(value) => scalar(value),
        YamlDataOwned::Representation(word, ..) => Value::from_plain(&word),
        YamlDataOwned::Sequence(items) => {
            Value::List(items.into_iter().map(|item| convert(item, place_of)).collect::<Result<_, _>>()?)
        }
        YamlDataOwned::Mapping(map) => {
            let mut entries = Vec::with_capacity(map.len());
            for (key, value) in map {
                let YamlDataOwned::Value(key) = key.data else {
                    return Err(bad("a key must be a plain word"));
                };
                let key = match key {
                    ScalarOwned::String(s) => s,
                    ScalarOwned::Integer(i) => i.to_string(),
                    _ => return Err(bad("a key must be a plain word")),
                };
                entries.push((key, convert(value, place_of)?));
            }
            Value::Map(entries)
        }
        YamlDataOwned::Tagged(_, inner) => return convert(*inner, place_of),
        YamlDataOwned::Alias(_) => return Err(bad("an alias refers to an anchor that does not exist")),
        // What the loader gives for an empty document.
        YamlDataOwned::BadValue => Value::Null,
    };
    Ok(Node { value, place })
}
