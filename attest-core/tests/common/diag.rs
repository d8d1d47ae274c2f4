//! CBOR diagnostic notation (RFC 8949, section 8; RFC 8610, appendix G), as far as published examples use it.
#![allow(
    clippy::allow_attributes,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is a failed test"
)]

use ciborium::Value;

/// The value; `None` for what is JSON: objects whose names are all text.
pub(crate) fn read(text: &str) -> Option<Value> {
    let mut reader = Reader { text: text.as_bytes(), at: 0 };
    let value = reader.value();
    reader.space();
    assert_eq!(reader.at, text.len(), "something follows");
    let is_json = matches!(&value, Value::Map(entries) if !entries.is_empty() && entries.iter().all(|(k, _)| k.is_text()));
    (!is_json).then_some(value)
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    /// White space and comments: `/ … /`, `# …`.
    fn space(&mut self) {
        loop {
            match self.peek() {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                b'/' => {
                    self.at += 1;
                    while self.next() != b'/' {}
                }
                b'#' => while !matches!(self.next(), b'\n' | 0) {},
                _ => return,
            }
        }
    }

    fn take(&mut self, wanted: u8) -> bool {
        self.space();
        let is = self.peek() == wanted;
        self.at += usize::from(is);
        is
    }

    fn list<T>(&mut self, end: u8, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let mut all = Vec::new();
        while !self.take(end) {
            all.push(one(self));
            self.take(b',');
        }
        all
    }

    fn value(&mut self) -> Value {
        self.space();
        match self.next() {
            b'{' => Value::Map(self.list(b'}', |reader| {
                let key = reader.value();
                assert!(reader.take(b':'), "a colon at {}", reader.at);
                (key, reader.value())
            })),
            b'[' => Value::Array(self.list(b']', Self::value)),
            b'"' => Value::Text(self.string(b'"')),
            b'h' => {
                assert_eq!(self.next(), b'\'');
                let digits: String = self.string(b'\'').split_whitespace().collect();
                Value::Bytes(hex::decode(digits).expect("hex"))
            }
            b'b' if self.text[self.at..].starts_with(b"64'") => {
                self.at += 3;
                let text = self.string(b'\'').replace('+', "-").replace('/', "_");
                let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
                Value::Bytes(base64::Engine::decode(&engine, text.trim_end_matches('=')).expect("base64"))
            }
            b'\'' => Value::Bytes(self.string(b'\'').into_bytes()),
            b'<' => {
                assert_eq!(self.next(), b'<');
                let inner = self.value();
                assert!(self.take(b'>') && self.take(b'>'));
                let mut out = Vec::new();
                ciborium::into_writer(&inner, &mut out).expect("encodes");
                Value::Bytes(out)
            }
            byte => {
                self.at -= 1;
                self.word(byte)
            }
        }
    }

    fn word(&mut self, first: u8) -> Value {
        let start = self.at;
        while self.peek().is_ascii_alphanumeric() || matches!(self.peek(), b'-' | b'+' | b'.') {
            self.at += 1;
        }
        let word = core::str::from_utf8(&self.text[start..self.at]).expect("text");
        match word {
            "true" => return Value::Bool(true),
            "false" => return Value::Bool(false),
            "null" => return Value::Null,
            _ => {}
        }
        assert!(first.is_ascii_digit() || first == b'-', "`{word}` at {start}");
        let number: i64 = match word.strip_prefix("0x") {
            Some(digits) => i64::from_str_radix(digits, 16).expect("number"),
            None if word.contains('.') => return Value::Float(word.parse().expect("number")),
            None => word.parse().expect("number"),
        };
        if self.take(b'(') {
            let inner = self.value();
            assert!(self.take(b')'));
            return Value::Tag(number.try_into().expect("a tag"), Box::new(inner));
        }
        Value::Integer(number.into())
    }

    fn string(&mut self, end: u8) -> String {
        let mut out = Vec::new();
        loop {
            match self.next() {
                byte if byte == end => break,
                b'\\' => out.push(self.next()),
                0 => panic!("a string without an end"),
                byte => out.push(byte),
            }
        }
        String::from_utf8(out).expect("UTF-8")
    }
}
