//! The stack machine. Opcodes: Python's `pickletools`.

use super::{FORMAT, Global, Id, MAX_VALUES, Pickle, Value};
use crate::ReadError;
use crate::cursor::Cursor;
use std::collections::HashMap;

struct Machine<'a> {
    bytes: &'a [u8],
    cursor: Cursor<'a>,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

/// Runs the pickle that begins at byte `start`.
///
/// # Errors
/// A pickle that is truncated or damaged, that uses a name or an opcode which weights have no need of, or
/// that builds more than [`MAX_VALUES`] values.
pub(crate) fn run(bytes: &[u8], start: usize) -> Result<Pickle<'_>, ReadError> {
    let mut machine = Machine {
        bytes,
        cursor: Cursor::new(FORMAT, bytes, start),
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    loop {
        let opcode = machine.cursor.u8("the next opcode")?;
        if opcode == b'.' {
            break;
        }
        machine.step(opcode)?;
        if machine.values.len().max(machine.stack.len()).max(machine.memo.len()) > MAX_VALUES {
            return Err(ReadError::Limit(format!("its pickle builds more than {MAX_VALUES} values")));
        }
    }
    let root = machine.pop()?;
    Ok(Pickle { bytes, values: machine.values, root, end: machine.cursor.position() })
}

impl Machine<'_> {
    fn damaged(&self, reason: impl Into<String>) -> ReadError {
        let reason = format!("{} before byte {}", reason.into(), self.cursor.position());
        ReadError::Damaged { format: FORMAT, reason }
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
    }

    /// Takes the top of the stack, but nothing from below the last mark.
    fn pop(&mut self) -> Result<Id, ReadError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(self.damaged("a value is taken from an empty stack"));
        }
        self.stack.pop().ok_or_else(|| self.damaged("the stack is empty"))
    }

    /// Takes everything above the last mark, and the mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, ReadError> {
        let height = self.marks.pop().ok_or_else(|| self.damaged("no mark is open"))?;
        Ok(self.stack.split_off(height.min(self.stack.len())))
    }

    fn top(&self) -> Result<Id, ReadError> {
        self.stack.last().copied().ok_or_else(|| self.damaged("the stack is empty"))
    }

    fn step(&mut self, opcode: u8) -> Result<(), ReadError> {
        match opcode {
            0x80 => {
                let protocol = self.cursor.u8("the protocol's number")?;
                if protocol > 4 {
                    return Err(ReadError::Unsupported {
                        what: format!("pickle protocol {protocol}"),
                        remedy: "save the file again with protocol 4, or as .safetensors".into(),
                    });
                }
            }
            0x95 => {
                // A frame only says how much to read ahead.
                self.cursor.u64("a frame's length")?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(opcode)?,
            b'U' | b'T' | b'C' | b'B' | 0x8e | 0x8c | b'X' | 0x8d => self.text(opcode)?,
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let mut members = Vec::with_capacity(count);
                for _ in 0..count {
                    members.push(self.pop()?);
                }
                members.reverse();
                self.push(Value::Tuple(members));
            }
            b't' => {
                let members = self.pop_mark()?;
                self.push(Value::Tuple(members));
            }
            b']' | 0x8f => self.push(Value::List(Vec::new())),
            b'l' | 0x91 => {
                let members = self.pop_mark()?;
                self.push(Value::List(members));
            }
            b'}' => self.push(Value::Dictionary(Vec::new())),
            b'd' => {
                let members = self.pop_mark()?;
                self.push(Value::Dictionary(Vec::new()));
                self.set_items(members)?;
            }
            b'a' => {
                let member = self.pop()?;
                self.append(vec![member])?;
            }
            b'e' | 0x90 => {
                let members = self.pop_mark()?;
                self.append(members)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let members = self.pop_mark()?;
                self.set_items(members)?;
            }
            b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'b' | b'Q' => self.object(opcode)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memory(opcode)?,
            _ => {
                return Err(self.damaged(format!("the opcode 0x{opcode:02x} is not one that weights need, ")));
            }
        }
        Ok(())
    }

    fn number(&mut self, opcode: u8) -> Result<(), ReadError> {
        let value = match opcode {
            b'J' => Value::Int(i64::from(self.cursor.u32("an integer")? as i32)),
            b'K' => Value::Int(self.cursor.u8("an integer")?.into()),
            b'M' => Value::Int(self.cursor.u16("an integer")?.into()),
            b'G' => {
                self.cursor.take(8, "a floating-point number")?;
                Value::Float
            }
            _ => {
                let length = if opcode == 0x8a {
                    self.cursor.u8("an integer's length")?.into()
                } else {
                    self.cursor.u32("an integer's length")?.into()
                };
                let range = self.cursor.range(length, "an integer")?;
                let bytes = &self.bytes[range.clone()];
                if bytes.len() > 8 {
                    Value::Long(range)
                } else {
                    // Two's complement, little-endian, in as few bytes as it takes.
                    let sign = if bytes.last().is_some_and(|b| *b & 0x80 != 0) { 0xff } else { 0 };
                    let mut whole = [sign; 8];
                    whole[..bytes.len()].copy_from_slice(bytes);
                    Value::Int(i64::from_le_bytes(whole))
                }
            }
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, opcode: u8) -> Result<(), ReadError> {
        let what = "the length of a text";
        let length: u64 = match opcode {
            b'U' | b'C' | 0x8c => self.cursor.u8(what)?.into(),
            b'T' | b'B' | b'X' => self.cursor.u32(what)?.into(),
            _ => self.cursor.u64(what)?,
        };
        let range = self.cursor.range(length, "a text")?;
        self.push(if matches!(opcode, 0x8c | b'X' | 0x8d) {
            Value::Text(range)
        } else {
            Value::Bytes(range)
        });
        Ok(())
    }

    fn append(&mut self, members: Vec<Id>) -> Result<(), ReadError> {
        let target = self.top()?;
        match &mut self.values[target as usize] {
            Value::List(list) => list.extend(members),
            // A collection that is not a plain list: nobody looks into it.
            Value::Call { .. } => {}
            _ => return Err(self.damaged("something is appended to what is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, members: Vec<Id>) -> Result<(), ReadError> {
        if !members.len().is_multiple_of(2) {
            return Err(self.damaged("a dictionary's key has no value"));
        }
        let target = self.top()?;
        match &mut self.values[target as usize] {
            Value::Dictionary(pairs) => pairs.extend(members.chunks_exact(2).map(|p| (p[0], p[1]))),
            Value::Call { .. } => {}
            _ => return Err(self.damaged("an item is set in what is not a dictionary")),
        }
        Ok(())
    }

    fn global(&mut self, module: &str, name: &str) -> Result<(), ReadError> {
        let global = Global::named(module, name)?;
        self.push(Value::Global(global));
        Ok(())
    }

    fn object(&mut self, opcode: u8) -> Result<(), ReadError> {
        match opcode {
            b'c' => {
                let module = self.cursor.line("a module's name")?;
                let name = self.cursor.line("the name of something in a module")?;
                self.global(&String::from_utf8_lossy(module), &String::from_utf8_lossy(name))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let text = |id: Id| match &self.values[id as usize] {
                    Value::Text(range) => {
                        Some(String::from_utf8_lossy(&self.bytes[range.clone()]).into_owned())
                    }
                    _ => None,
                };
                let (Some(module), Some(name)) = (text(module), text(name)) else {
                    return Err(self.damaged("a name is not text"));
                };
                self.global(&module, &name)
            }
            b'R' | 0x81 | 0x92 => {
                if opcode == 0x92 {
                    // Keyword arguments: nothing that is looked at has them.
                    self.pop()?;
                }
                let (arguments, callee) = (self.pop()?, self.pop()?);
                let Value::Global(callee) = self.values[callee as usize] else {
                    return Err(self.damaged("what is called is not a name"));
                };
                self.push(match callee {
                    Global::Dictionary => Value::Dictionary(Vec::new()),
                    callee => Value::Call { callee, arguments, state: None },
                });
                Ok(())
            }
            b'b' => {
                let new = self.pop()?;
                let target = self.top()?;
                match &mut self.values[target as usize] {
                    Value::Call { state, .. } => *state = Some(new),
                    // Attributes of a dictionary, such as PyTorch's _metadata, are no entries.
                    Value::Dictionary(_) => {}
                    _ => return Err(self.damaged("a state is set on what has none")),
                }
                Ok(())
            }
            _ => {
                let id = self.pop()?;
                self.push(Value::Persistent(id));
                Ok(())
            }
        }
    }

    fn memory(&mut self, opcode: u8) -> Result<(), ReadError> {
        let what = "the number of a remembered value";
        let number = match opcode {
            b'q' | b'h' => self.cursor.u8(what)?.into(),
            b'r' | b'j' => self.cursor.u32(what)?,
            _ => self.memo.len() as u32,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&number).copied();
            let id =
                id.ok_or_else(|| self.damaged(format!("value {number} is recalled but was never kept")))?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(number, top);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(bytes: &[u8], word: &str) {
        let error = run(bytes, 0).err().expect("it must be refused").to_string();
        assert!(error.contains(word), "{error}");
    }

    #[test]
    fn integers_of_every_form() {
        for (bytes, expected) in [
            (&b"K\x07."[..], 7),
            (b"M\x00\x01.", 256),
            (b"J\xff\xff\xff\xff.", -1),
            (b"\x8a\x00.", 0),
            (b"\x8a\x01\xff.", -1),
            (b"\x8a\x02\xff\x00.", 255),
        ] {
            let pickle = run(bytes, 0).unwrap();
            assert_eq!(*pickle.get(pickle.root), Value::Int(expected));
        }
    }

    #[test]
    fn what_is_not_a_pickle_is_an_error() {
        fails(b"", "opcode");
        fails(b".", "empty stack");
        fails(b"(.", "empty stack");
        fails(b"(K\x01t0.", "empty stack");
        fails(b"N(s.", "empty stack");
        fails(b"h\x01.", "never kept");
        fails(b"K\x01K\x01a.", "not a list");
        fails(b"}(NNNu.", "no value");
        fails(b"X\xff\xff\xff\xff.", "truncated");
        fails(b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff.", "truncated");
        fails(b"\x80\x05N.", "protocol 5");
        fails(b"I1\n.", "opcode 0x49");
        fails(b"cos\nsystem\n(X\x02\x00\x00\x00lstR.", "os.system");
        fails(b"\x8c\x02os\x8c\x06system\x93.", "os.system");
        fails(b"cos", "truncated");
    }

    #[test]
    fn deep_and_cyclic_structures_cost_no_more_than_their_length() {
        let mut deep = vec![b')'];
        deep.extend(std::iter::repeat_n(0x85, 500_000));
        deep.push(b'.');
        assert_eq!(run(&deep, 0).unwrap().values.len(), 500_001);
        // A list that holds itself.
        let cyclic = run(b"]q\x00h\x00a.", 0).unwrap();
        assert_eq!(*cyclic.get(cyclic.root), Value::List(vec![cyclic.root]));
        let mut endless = vec![b']'; MAX_VALUES + 2];
        endless.push(b'.');
        fails(&endless, "more than");
        let mut stacked = b"N".to_vec();
        stacked.extend(std::iter::repeat_n(b'2', MAX_VALUES + 2));
        fails(&stacked, "more than");
    }
}
