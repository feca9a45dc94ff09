//! Typed reading of one section, with every key accounted for.

use std::path::PathBuf;
use std::sync::Arc;

use super::arithmetic::{arithmetic, whole};
use super::error::{ConfigError, Place, nearest};
use super::tree::{Node, Value};
use super::{Config, emit};

/// A value together with its full path.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub path: String,
    pub node: Node,
}

/// A section being read. Each key that is asked for counts as known; [`Section::finish`] refuses the
/// keys that nobody asked for.
pub(crate) struct Section {
    path: String,
    place: Arc<Place>,
    entries: Vec<(String, Node)>,
    known: Vec<&'static str>,
    problems: Vec<ConfigError>,
}

impl Section {
    fn new(path: String, place: Arc<Place>, entries: Vec<(String, Node)>) -> Section {
        Section { path, place, entries, known: Vec::new(), problems: Vec::new() }
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Takes a key out; `None` where it is absent or empty.
    pub fn take(&mut self, key: &'static str) -> Option<Item> {
        self.known.push(key);
        let at = self.entries.iter().position(|(name, _)| name == key)?;
        let (_, node) = self.entries.remove(at);
        if matches!(node.value, Value::Null) {
            return None;
        }
        Some(Item { path: self.full(key), node })
    }

    /// Takes a sub-section out; an absent one is read as empty.
    pub fn section(&mut self, key: &'static str) -> Result<Section, ConfigError> {
        match self.take(key) {
            Some(item) => item.section(),
            None => Ok(Section::new(self.full(key), Arc::clone(&self.place), Vec::new())),
        }
    }

    /// Takes a key and converts it, or gives the default where it is absent.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        convert: fn(&Item) -> Result<T, ConfigError>,
        default: T,
    ) -> Result<T, ConfigError> {
        self.take(key).map_or(Ok(default), |item| convert(&item))
    }

    /// As [`Section::read`], where absence is a value of its own.
    pub fn read_opt<T>(
        &mut self,
        key: &'static str,
        convert: fn(&Item) -> Result<T, ConfigError>,
    ) -> Result<Option<T>, ConfigError> {
        self.take(key).map(|item| convert(&item)).transpose()
    }

    /// As [`Section::read`], but a wrong value is a problem that [`Section::finish`] tells, after the others are read.
    pub fn get<T>(
        &mut self,
        key: &'static str,
        convert: fn(&Item) -> Result<T, ConfigError>,
        default: T,
    ) -> T {
        self.get_opt(key, convert).unwrap_or(default)
    }

    /// As [`Section::get`], where absence is a value of its own.
    pub fn get_opt<T>(
        &mut self,
        key: &'static str,
        convert: fn(&Item) -> Result<T, ConfigError>,
    ) -> Option<T> {
        let read = self.read_opt(key, convert);
        read.unwrap_or_else(|problem| {
            self.problem(problem);
            None
        })
    }

    /// Takes `name`, which must be one of `names` where it is given.
    pub fn named(&mut self, names: &[&str]) -> Result<(), ConfigError> {
        let Some(item) = self.take("name") else { return Ok(()) };
        let name = item.text()?;
        if names.contains(&name.as_str()) { Ok(()) } else { Err(item.unsupported_name(&name, names)) }
    }

    /// Notes a problem for [`Section::finish`].
    pub fn problem(&mut self, problem: ConfigError) {
        self.problems.push(problem);
    }

    /// A key that stays to be taken; `None` where it is absent or empty.
    pub fn look(&self, key: &str) -> Option<Item> {
        let (_, node) = self.entries.iter().find(|(name, _)| name == key)?;
        let item = Item { path: self.full(key), node: node.clone() };
        Some(item).filter(|item| !matches!(item.node.value, Value::Null))
    }

    /// Whether a key is there that has not been taken, be it empty.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(name, _)| name == key)
    }

    /// An error for a key that must be there.
    pub fn missing(&self, key: &str) -> ConfigError {
        ConfigError::Missing { place: Arc::clone(&self.place), path: self.full(key) }
    }

    /// Accepts keys that have no effect here, and notes those that are present.
    pub fn ignore(&mut self, keys: &[&'static str], ignored: &mut Vec<String>) {
        for key in keys {
            self.known.push(key);
            if let Some(at) = self.entries.iter().position(|(name, _)| name == key) {
                self.entries.remove(at);
                ignored.push(self.full(key));
            }
        }
    }

    /// Accepts keys only while they keep PaddleClas's default, because another value would change the
    /// result and is not supported.
    pub fn only_default(&mut self, keys: &[(&'static str, Only)]) -> Result<(), ConfigError> {
        let mut others = Vec::new();
        for (key, default) in keys {
            if let Some(item) = self.take(key)
                && !default.holds(&item.node.value)
            {
                others.push(item.unsupported(&format!("the value {}", item.describe()), default.describe()));
            }
        }
        ConfigError::all(others).map_or(Ok(()), Err)
    }

    /// As [`Section::only_default`], for [`Section::finish`] to tell.
    pub fn only(&mut self, keys: &[(&'static str, Only)]) {
        if let Err(problem) = self.only_default(keys) {
            self.problem(problem);
        }
    }

    /// Refuses what nobody asked for, and tells every problem that was noted.
    pub fn finish(mut self) -> Result<(), ConfigError> {
        let mut problems: Vec<_> = self.problems.drain(..).flat_map(ConfigError::each).collect();
        for (key, node) in &self.entries {
            let near = || nearest(key, self.known.iter().copied()).map(|name| self.full(name));
            let suggestion = elsewhere(key).or_else(near);
            let (place, path) = (Arc::clone(&node.place), self.full(key));
            problems.push(ConfigError::UnknownKey { place, path, suggestion });
        }
        ConfigError::all(problems).map_or(Ok(()), Err)
    }
}

/// The full path of the only key of this name that there is, in whatever section.
fn elsewhere(key: &str) -> Option<String> {
    let mut paths = emit::paths(&Config::defaults());
    paths.retain(|path| path.rsplit('.').next() == Some(key));
    paths.pop().filter(|_| paths.is_empty())
}

/// The one value of a key that is supported.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Only {
    /// Absent or empty.
    Absent,
    /// As `Absent`, or a section that says `enable: False`.
    Off,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A word.
    Word(&'static str),
}

impl Only {
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Only::Absent | Only::Off | Only::Bool(false), Value::Bool(false)) => true,
            (Only::Absent, Value::List(items)) => items.is_empty(),
            (Only::Off, Value::Map(entries)) => {
                entries.iter().any(|(key, node)| key == "enable" && matches!(node.value, Value::Bool(false)))
            }
            (Only::Bool(want), Value::Bool(is)) => want == *is,
            (Only::Number(want), Value::Int(is)) => want == *is as f64,
            (Only::Number(want), Value::Float(is)) => want == *is,
            (Only::Word(want), Value::Text(is)) => want == is,
            _ => false,
        }
    }

    fn describe(self) -> String {
        match self {
            Only::Absent | Only::Off => "leaving the key out".to_owned(),
            Only::Bool(true) => "True".to_owned(),
            Only::Bool(false) => "False".to_owned(),
            Only::Number(x) => x.to_string(),
            Only::Word(w) => w.to_owned(),
        }
    }
}

impl Item {
    /// The whole document as an item without a path.
    pub fn root(node: Node) -> Item {
        Item { path: String::new(), node }
    }

    pub fn describe(&self) -> String {
        self.node.value.describe()
    }

    pub fn wrong(&self, expected: &'static str) -> ConfigError {
        let path = if self.path.is_empty() { "the configuration".to_owned() } else { self.path.clone() };
        ConfigError::Type { place: Arc::clone(self.node.touched()), path, expected, found: self.describe() }
    }

    pub fn invalid(&self, rule: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            place: Arc::clone(self.node.touched()),
            path: self.path.clone(),
            found: self.describe(),
            rule: rule.into(),
        }
    }

    pub fn unsupported(&self, what: &str, supported: impl Into<String>) -> ConfigError {
        ConfigError::Unsupported {
            place: Arc::clone(&self.node.place),
            path: self.path.clone(),
            what: what.to_owned(),
            supported: supported.into(),
            suggestion: None,
        }
    }

    /// A setting of other optimisers or schedules than `name`.
    pub fn has_no_such_setting(&self, name: &str) -> ConfigError {
        let leave_out = format!("leave it out, on the command line by -o {}=None", self.path);
        self.invalid(format!("{name} has no such setting: {leave_out}"))
    }

    /// As [`Item::unsupported`], for a name out of a list of names.
    pub fn unsupported_name(&self, name: &str, supported: &[&str]) -> ConfigError {
        ConfigError::Unsupported {
            place: Arc::clone(&self.node.place),
            path: self.path.clone(),
            what: name.to_owned(),
            supported: supported.join(", "),
            suggestion: nearest(name, supported.iter().copied()).map(str::to_owned),
        }
    }

    pub fn section(self) -> Result<Section, ConfigError> {
        match self.node.value {
            Value::Map(entries) => Ok(Section::new(self.path, self.node.place, entries)),
            Value::Null => Ok(Section::new(self.path, self.node.place, Vec::new())),
            _ => Err(self.wrong("a section of keys")),
        }
    }

    /// The items of a list, each with its index in the path, but for those that an override has emptied.
    pub fn list(&self) -> Result<Vec<Item>, ConfigError> {
        let Value::List(items) = &self.node.value else { return Err(self.wrong("a list")) };
        let item =
            |(i, node): (usize, &Node)| Item { path: format!("{}.{i}", self.path), node: node.clone() };
        let kept = |(_, node): &(usize, &Node)| {
            !matches!((&node.value, &*node.place), (Value::Null, Place::Override(_)))
        };
        Ok(items.iter().enumerate().filter(kept).map(item).collect())
    }

    /// A list item of the form `Name: {options}` or just `Name`: its name and its options.
    pub fn named(&self) -> Result<(String, Item, Section), ConfigError> {
        let expected = "an item of the form `- Name: {options}`";
        let (name, node) = match &self.node.value {
            Value::Text(name) => {
                (name.clone(), Node { value: Value::Null, place: Arc::clone(&self.node.place) })
            }
            Value::Map(entries) if entries.len() == 1 => entries[0].clone(),
            _ => return Err(self.wrong(expected)),
        };
        let path = format!("{}.{name}", self.path);
        let options = Item { path: path.clone(), node: node.clone() }.section()?;
        Ok((name, Item { path, node }, options))
    }

    pub fn bool(&self) -> Result<bool, ConfigError> {
        match &self.node.value {
            Value::Bool(b) => Ok(*b),
            // What Python's YAML 1.1 reader, and so PaddleClas, takes for truth values.
            Value::Text(t) if matches!(t.to_lowercase().as_str(), "yes" | "on") => Ok(true),
            Value::Text(t) if matches!(t.to_lowercase().as_str(), "no" | "off") => Ok(false),
            _ => Err(self.wrong("True or False")),
        }
    }

    pub fn text(&self) -> Result<String, ConfigError> {
        match &self.node.value {
            Value::Text(t) => Ok(t.clone()),
            // A folder may be called 2024.
            Value::Int(i) => Ok(i.to_string()),
            _ => Err(self.wrong("a text")),
        }
    }

    pub fn path_buf(&self) -> Result<PathBuf, ConfigError> {
        match &self.node.value {
            Value::Text(_) | Value::Int(_) => Ok(PathBuf::from(self.text()?)),
            _ => Err(self.wrong("a path")),
        }
    }

    /// A number, also as a product or quotient such as `1.0/255.0`.
    pub fn f64(&self) -> Result<f64, ConfigError> {
        let value = match &self.node.value {
            Value::Int(i) => Some(*i as f64),
            Value::Float(x) => Some(*x),
            Value::Text(t) => arithmetic(t),
            _ => None,
        };
        let value = value.ok_or_else(|| self.wrong("a number"))?;
        if value.is_finite() { Ok(value) } else { Err(self.invalid("it must be a finite number")) }
    }

    pub fn f64_not_negative(&self) -> Result<f64, ConfigError> {
        let value = self.f64()?;
        if value >= 0.0 { Ok(value) } else { Err(self.invalid("it must not be negative")) }
    }

    /// A number from 0 up to, not including, 1.
    pub fn fraction(&self) -> Result<f64, ConfigError> {
        let value = self.f64()?;
        if (0.0..1.0).contains(&value) {
            Ok(value)
        } else {
            Err(self.invalid("it must be at least 0 and below 1"))
        }
    }

    pub fn u64(&self) -> Result<u64, ConfigError> {
        match &self.node.value {
            Value::Int(i) => u64::try_from(*i).map_err(|_| self.invalid("it must not be negative")),
            // YAML's whole numbers end at 2^63; a larger seed comes in quotes. PaddleClas works out `4*2`.
            Value::Text(t) => t.parse().ok().or_else(|| whole(t)).ok_or_else(|| self.wrong("a whole number")),
            _ => Err(self.wrong("a whole number")),
        }
    }

    pub fn u32(&self) -> Result<u32, ConfigError> {
        u32::try_from(self.u64()?).map_err(|_| self.invalid(format!("it must be at most {}", u32::MAX)))
    }

    /// A number, or `None` for `auto`.
    pub fn u32_or_auto(&self) -> Result<Option<u32>, ConfigError> {
        if self.text().is_ok_and(|text| text == "auto") { Ok(None) } else { self.u32().map(Some) }
    }

    pub fn u32_positive(&self) -> Result<u32, ConfigError> {
        match self.u32()? {
            0 => Err(self.invalid("it must be at least 1")),
            n => Ok(n),
        }
    }
}
