//! `-o Key.Sub=value`: overrides applied to the tree before it is read.

use std::sync::Arc;

use super::error::{ConfigError, Place, nearest};
use super::tree::{Node, Value, parse};

/// Applies one override to the tree.
///
/// The path's parts are keys, list indices counted from 0, or, within a list of one-key sections (as
/// `transform_ops` is), the key of the wanted item. Sections that do not exist are made: whether
/// their keys mean anything is found when the tree is read. An item of a list that is emptied is left out when the
/// list is read.
pub(crate) fn apply(root: &mut Node, text: &str) -> Result<(), ConfigError> {
    let refuse = |reason: String| ConfigError::Override { text: text.to_owned(), reason };
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| refuse("an override has the form Key.Sub=value; the = is missing".to_owned()))?;
    let parts: Vec<&str> = path.trim().split('.').collect();
    if parts.iter().any(|p| p.trim().is_empty()) {
        return Err(refuse(format!("the path {:?} has an empty part", path.trim())));
    }
    let place = Arc::new(Place::Override(text.to_owned()));
    let value = read_value(value.trim(), text)?;

    let empties = matches!(value.value, Value::Null);
    let mut here = root;
    for (depth, part) in parts.iter().enumerate() {
        let (walked, part) = (parts[..depth].join("."), part.trim());
        if empties && let Some(item) = last_item(here, &parts[depth..]) {
            // The whole item of the list goes: its name alone would still be an operator.
            *item = value;
            return Ok(());
        }
        here = step(here, part, &walked, &place).map_err(&refuse)?;
    }
    *here = value;
    Ok(())
}

/// The item of a list that a path's last parts name: `3`, `3.Name` or `Name`.
fn last_item<'a>(node: &'a mut Node, parts: &[&str]) -> Option<&'a mut Node> {
    let Value::List(items) = &mut node.value else { return None };
    let is_named = |item: &Node, name: &str| match &item.value {
        Value::Map(entries) => matches!(entries.as_slice(), [(key, _)] if key == name),
        _ => false,
    };
    match *parts {
        [index] if index.trim().parse::<usize>().is_ok() => {
            items.get_mut(index.trim().parse::<usize>().ok()?)
        }
        [name] => {
            let mut named = items.iter_mut().filter(|item| is_named(item, name.trim()));
            named.next().filter(|_| named.next().is_none())
        }
        [index, name] => {
            items.get_mut(index.trim().parse::<usize>().ok()?).filter(|item| is_named(item, name.trim()))
        }
        _ => None,
    }
}

/// Goes down by one part of the path, making the section if there is none yet.
fn step<'a>(
    node: &'a mut Node,
    part: &str,
    walked: &str,
    place: &Arc<Place>,
) -> Result<&'a mut Node, String> {
    if matches!(node.value, Value::Null) {
        *node = Node { value: Value::Map(Vec::new()), place: Arc::clone(place) };
    }
    match &mut node.value {
        Value::Map(entries) => {
            let found = entries.iter().position(|(key, _)| key == part).unwrap_or_else(|| {
                entries.push((part.to_owned(), Node { value: Value::Null, place: Arc::clone(place) }));
                entries.len() - 1
            });
            Ok(&mut entries[found].1)
        }
        Value::List(items) => list_item(items, part, walked),
        other => Err(format!("{walked} is {}, not a section, so it has no part {part:?}", other.describe())),
    }
}

fn list_item<'a>(items: &'a mut [Node], part: &str, walked: &str) -> Result<&'a mut Node, String> {
    let count = items.len();
    if let Ok(index) = part.parse::<usize>() {
        return items.get_mut(index).ok_or_else(|| {
            let range = if count == 0 { "none".to_owned() } else { format!("0 to {}", count - 1) };
            format!("{walked} is a list of {count}; its items are {range}, not {index}")
        });
    }
    let names: Vec<String> = items
        .iter()
        .filter_map(|item| match &item.value {
            Value::Map(entries) => entries.first().map(|(key, _)| key.clone()),
            _ => None,
        })
        .collect();
    let mut matching = items
        .iter_mut()
        .filter_map(|item| match &mut item.value {
            Value::Map(entries) => entries.iter_mut().find(|(key, _)| key == part).map(|(_, node)| node),
            _ => None,
        })
        .collect::<Vec<_>>();
    match (matching.pop(), matching.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(format!("{walked} holds several items named {part}; use an index from 0")),
        (None, _) => {
            let hint = nearest(part, names.iter().map(String::as_str))
                .map(|name| format!(" (did you mean {name}?)"))
                .unwrap_or_default();
            Err(format!("{walked} is a list and has no item named {part}{hint}; an index from 0 works too"))
        }
    }
}

/// Reads the text after the `=`.
///
/// Only what opens with a bracket or a quote is handed to the YAML reader: to it a bare file name
/// such as `photo #1.jpg` would end at a comment.
fn read_value(value: &str, text: &str) -> Result<Node, ConfigError> {
    let place_of = |_line: usize| Place::Override(text.to_owned());
    if value.starts_with(['[', '{', '"', '\'']) {
        return parse(value, &place_of);
    }
    let value = if value.is_empty() { Value::Null } else { Value::from_plain(value) };
    Ok(Node { value, place: Arc::new(place_of(1)) })
}
