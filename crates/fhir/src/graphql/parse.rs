//! The query language of GraphQL (October 2016, sections 2 and appendix B): a text becomes operations and fragments.

use super::{DEPTH_MAX, PARTS_MAX, QUERY_BYTES_MAX, wrong};
use crate::value::{Object, Value};
use badiano_kernel::Fault;
use std::collections::HashMap;

/// A query as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub(super) operations: Vec<Operation>,
    pub(super) fragments: HashMap<String, Fields>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub name: String,
    /// Names of variables and what they are where nothing is given.
    pub variables: Vec<(String, Value)>,
    pub select: Fields,
}

/// What is selected of one object.
pub type Fields = Vec<Selection>;

#[derive(Debug, Clone, PartialEq)]
pub enum Selection {
    Field(Field),
    /// `...Name`
    Spread(String, Vec<Directive>),
    /// `... on Type { }`; no type means every one.
    Inline(String, Vec<Directive>, Fields),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub alias: String,
    pub name: String,
    pub arguments: Vec<(String, Argument)>,
    pub directives: Vec<Directive>,
    pub select: Fields,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Directive {
    pub name: String,
    pub arguments: Vec<(String, Argument)>,
}

/// A value in a query; words of an enumeration and names of variables are told apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Argument {
    Variable(String),
    Value(Value),
    List(Vec<Argument>),
}

/// Reads a query.
pub fn read(text: &str) -> Result<Document, Fault> {
    if text.len() > QUERY_BYTES_MAX {
        return Err(Fault::too_costly(format!("longer than {QUERY_BYTES_MAX} bytes")).at("query"));
    }
    let mut reader = Reader { tokens: tokens(text)?, at: 0, parts: 0 };
    let mut document = Document { operations: Vec::new(), fragments: HashMap::new() };
    while let Some(token) = reader.peek() {
        match token {
            Token::Name(name) if name == "fragment" => {
                reader.at += 1;
                let name = reader.name()?;
                reader.word("on")?;
                reader.name()?;
                reader.directives()?;
                let fields = reader.fields(0)?;
                if document.fragments.insert(name, fields).is_some() {
                    return Err(wrong("two fragments of one name"));
                }
            }
            _ => document.operations.push(reader.operation()?),
        }
    }
    if document.operations.is_empty() {
        return Err(wrong("there is no query"));
    }
    Ok(document)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Number(String),
    Text(String),
    Mark(char),
    Spread,
}

fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let mut all = Vec::new();
    let mut rest = text.trim_start_matches('\u{feff}');
    while let Some(c) = rest.chars().next() {
        match c {
            ' ' | '\t' | '\r' | '\n' | ',' => rest = &rest[1..],
            '#' => rest = rest.find('\n').map_or("", |end| &rest[end..]),
            '.' if rest.starts_with("...") => {
                all.push(Token::Spread);
                rest = &rest[3..];
            }
            '"' => {
                let (text, after) = string(rest)?;
                all.push(Token::Text(text));
                rest = after;
            }
            '!' | '$' | '(' | ')' | ':' | '=' | '@' | '[' | ']' | '{' | '}' | '|' => {
                all.push(Token::Mark(c));
                rest = &rest[1..];
            }
            _ if c == '_' || c.is_ascii_alphabetic() => {
                // FHIR's search parameters have hyphens in their names.
                let is_of = |c: char| c == '_' || c == '-' || c.is_ascii_alphanumeric();
                let end = rest.find(|c| !is_of(c)).unwrap_or(rest.len());
                all.push(Token::Name(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            _ if c == '-' || c.is_ascii_digit() => {
                let is_of = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
                let end = rest.find(|c| !is_of(c)).unwrap_or(rest.len());
                all.push(Token::Number(rest[..end].to_owned()));
                rest = &rest[end..];
            }
            _ => {
                return Err(wrong(format!(
                    "an unexpected character after {} bytes",
                    text.len() - rest.len()
                )));
            }
        }
    }
    Ok(all)
}

/// The text of a quoted string, and what follows it.
fn string(from: &str) -> Result<(String, &str), Fault> {
    if let Some(block) = from.strip_prefix("\"\"\"") {
        let end = block.find("\"\"\"").ok_or_else(|| wrong("a text does not end"))?;
        return Ok((block[..end].trim().to_owned(), &block[end + 3..]));
    }
    let mut text = String::new();
    let mut chars = from.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((text, &from[at + 1..])),
            '\n' | '\r' => break,
            '\\' => match chars.next().map(|(_, c)| c) {
                Some(c @ ('"' | '\\' | '/')) => text.push(c),
                Some('b') => text.push('\u{8}'),
                Some('f') => text.push('\u{c}'),
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    text.push(code.ok_or_else(|| wrong("\\u takes four digits of a character"))?);
                }
                _ => return Err(wrong("an unknown escape in a text")),
            },
            c => text.push(c),
        }
    }
    Err(wrong("a text does not end"))
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    parts: usize,
}

impl Reader {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, mark: char) -> bool {
        self.peek() == Some(&Token::Mark(mark))
    }

    /// Passes over a mark where it stands.
    fn skip(&mut self, mark: char) -> bool {
        let there = self.is(mark);
        self.at += usize::from(there);
        there
    }

    fn mark(&mut self, mark: char) -> Result<(), Fault> {
        if self.skip(mark) {
            Ok(())
        } else {
            Err(wrong(format!("`{mark}` is missing at word {}", self.at + 1)))
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if self.name()? == word { Ok(()) } else { Err(wrong(format!("`{word}` is missing"))) }
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.tokens.get(self.at) {
            Some(Token::Name(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(wrong(format!("a name is missing at word {}", self.at + 1))),
        }
    }

    fn part(&mut self) -> Result<(), Fault> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            return Err(Fault::too_costly(format!("more than {PARTS_MAX} fields and arguments")).at("query"));
        }
        Ok(())
    }

    fn operation(&mut self) -> Result<Operation, Fault> {
        let mut operation = Operation { name: String::new(), variables: Vec::new(), select: Vec::new() };
        if !self.is('{') {
            match self.name()?.as_str() {
                "query" => {}
                "mutation" | "subscription" => {
                    return Err(Fault::not_supported("only queries are answered; write by REST").at("query"));
                }
                _ => return Err(wrong("begins with `query`, `fragment` or `{`")),
            }
            if let Some(Token::Name(_)) = self.peek() {
                operation.name = self.name()?;
            }
            if self.skip('(') {
                while !self.skip(')') {
                    operation.variables.push(self.variable()?);
                }
            }
            self.directives()?;
        }
        operation.select = self.fields(0)?;
        Ok(operation)
    }

    /// `$name: [Type!]! = value`
    fn variable(&mut self) -> Result<(String, Value), Fault> {
        self.part()?;
        self.mark('$')?;
        let name = self.name()?;
        self.mark(':')?;
        let lists = std::iter::from_fn(|| self.skip('[').then_some(())).count();
        self.name()?;
        self.skip('!');
        for _ in 0..lists {
            self.mark(']')?;
            self.skip('!');
        }
        let value = match self.skip('=') {
            true => match self.argument(0)? {
                Argument::Value(value) => value,
                _ => return Err(wrong("a variable begins as a plain value")),
            },
            false => Value::Null,
        };
        Ok((name, value))
    }

    fn fields(&mut self, depth: usize) -> Result<Fields, Fault> {
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly(format!("nested deeper than {DEPTH_MAX}")).at("query"));
        }
        self.mark('{')?;
        let mut all = Vec::new();
        while !self.skip('}') {
            self.part()?;
            all.push(self.selection(depth)?);
        }
        if all.is_empty() { Err(wrong("nothing is selected between { and }")) } else { Ok(all) }
    }

    fn selection(&mut self, depth: usize) -> Result<Selection, Fault> {
        if self.peek() != Some(&Token::Spread) {
            return self.field(depth).map(Selection::Field);
        }
        self.at += 1;
        match self.peek() {
            Some(Token::Name(name)) if name != "on" => {
                let name = self.name()?;
                Ok(Selection::Spread(name, self.directives()?))
            }
            Some(Token::Name(_)) => {
                self.at += 1;
                let kind = self.name()?;
                let directives = self.directives()?;
                Ok(Selection::Inline(kind, directives, self.fields(depth + 1)?))
            }
            _ => {
                let directives = self.directives()?;
                Ok(Selection::Inline(String::new(), directives, self.fields(depth + 1)?))
            }
        }
    }

    fn field(&mut self, depth: usize) -> Result<Field, Fault> {
        let alias = self.name()?;
        let name = if self.skip(':') { self.name()? } else { alias.clone() };
        let arguments = self.arguments()?;
        let directives = self.directives()?;
        let select = if self.is('{') { self.fields(depth + 1)? } else { Vec::new() };
        Ok(Field { alias, name, arguments, directives, select })
    }

    fn arguments(&mut self) -> Result<Vec<(String, Argument)>, Fault> {
        let mut all = Vec::new();
        if self.skip('(') {
            while !self.skip(')') {
                self.part()?;
                let name = self.name()?;
                self.mark(':')?;
                all.push((name, self.argument(0)?));
            }
        }
        Ok(all)
    }

    fn directives(&mut self) -> Result<Vec<Directive>, Fault> {
        let mut all = Vec::new();
        while self.skip('@') {
            self.part()?;
            let name = self.name()?;
            all.push(Directive { name, arguments: self.arguments()? });
        }
        Ok(all)
    }

    fn argument(&mut self, depth: usize) -> Result<Argument, Fault> {
        self.part()?;
        if depth > DEPTH_MAX {
            return Err(Fault::too_costly(format!("nested deeper than {DEPTH_MAX}")).at("query"));
        }
        if self.skip('$') {
            return self.name().map(Argument::Variable);
        }
        if self.skip('[') {
            let mut all = Vec::new();
            while !self.skip(']') {
                all.push(self.argument(depth + 1)?);
            }
            return Ok(Argument::List(all));
        }
        if self.skip('{') {
            let mut object = Object::new();
            while !self.skip('}') {
                let name = self.name()?;
                self.mark(':')?;
                let Argument::Value(value) = self.argument(depth + 1)? else {
                    return Err(
                        Fault::not_supported("variables and lists inside objects are not taken").at("query")
                    );
                };
                object.set(&name, value);
            }
            return Ok(Argument::Value(Value::Object(object)));
        }
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        let value = match token {
            Some(Token::Text(text)) => Value::from(text),
            Some(Token::Number(text)) => match crate::json::parse(text.as_bytes()) {
                Ok(number @ Value::Number(_)) => number,
                _ => return Err(wrong("a number is written as in JSON")),
            },
            Some(Token::Name(name)) => match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::from(name),
            },
            _ => return Err(wrong(format!("a value is missing at word {}", self.at))),
        };
        Ok(Argument::Value(value))
    }
}
