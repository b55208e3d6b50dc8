//! The regular expressions of filter patterns: no groups, so alternatives of sequences, which are matched in time linear in
//! the message. Allowed are letters, digits, `:_#=@/;,-` and space, the operators `^ $ ? [ ] { } | \ * + .` and the classes
//! `\d \D \s \S \w \W \xhh`.

use super::PatternError;

/// States of one expression at most: counts such as `{1000}` are written out.
const STATES: usize = 2048;

/// A compiled expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Regex(Vec<Sequence>);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Sequence {
    from_start: bool,
    to_end: bool,
    states: Vec<State>,
}

/// One character, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    class: Class,
    is_optional: bool,
    repeats: bool,
}

/// Which characters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Class {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    fn of(ranges: &[(char, char)], negated: bool) -> Self {
        Class { negated, ranges: ranges.to_vec() }
    }

    fn one(character: char) -> Self {
        Class::of(&[(character, character)], false)
    }

    fn has(&self, character: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != self.negated
    }
}

impl Regex {
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let mut parser = Parser { rest: text, states: 0 };
        parser.regex().filter(|_| !text.is_empty()).ok_or_else(|| PatternError::term(text))
    }

    /// Whether some part of the text matches.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|sequence| sequence.is_in(text))
    }
}

impl Sequence {
    fn is_in(&self, text: &str) -> bool {
        let end = self.states.len();
        // `active[n]`: what came so far can have matched the states before n.
        let mut active = vec![false; end + 1];
        let mut next = vec![false; end + 1];
        self.enter(&mut active, 0);
        for character in text.chars() {
            if active.get(end) == Some(&true) && !self.to_end {
                return true;
            }
            next.fill(false);
            for (at, state) in self.states.iter().enumerate() {
                if active.get(at) == Some(&true) && state.class.has(character) {
                    self.enter(&mut next, if state.repeats { at } else { at + 1 });
                }
            }
            if !self.from_start {
                self.enter(&mut next, 0);
            }
            std::mem::swap(&mut active, &mut next);
        }
        active.get(end) == Some(&true)
    }

    /// Marks a state, and those that are reached from it without a character.
    fn enter(&self, active: &mut [bool], from: usize) {
        for at in from..active.len() {
            if let Some(mark) = active.get_mut(at) {
                if *mark {
                    return;
                }
                *mark = true;
            }
            if !self.states.get(at).is_some_and(|state| state.is_optional) {
                return;
            }
        }
    }
}

struct Parser<'t> {
    rest: &'t str,
    states: usize,
}

impl Parser<'_> {
    fn take(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = self.rest.get(character.len_utf8()..)?;
        Some(character)
    }

    fn eat(&mut self, wanted: char) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn regex(&mut self) -> Option<Regex> {
        let mut sequences = vec![self.sequence()?];
        while self.eat('|') {
            sequences.push(self.sequence()?);
        }
        self.rest.is_empty().then_some(Regex(sequences))
    }

    fn sequence(&mut self) -> Option<Sequence> {
        let mut sequence = Sequence { from_start: self.eat('^'), ..Sequence::default() };
        while !self.rest.is_empty() && !self.rest.starts_with('|') {
            if self.eat('$') {
                sequence.to_end = true;
                return (self.rest.is_empty() || self.rest.starts_with('|')).then_some(sequence);
            }
            let class = self.class()?;
            let (least, most) = self.count()?;
            self.states += most.unwrap_or(least).max(1);
            if self.states > STATES {
                return None;
            }
            let state = |is_optional, repeats| State { class: class.clone(), is_optional, repeats };
            sequence.states.extend((0..least).map(|_| state(false, false)));
            match most {
                Some(most) => sequence.states.extend((least..most).map(|_| state(true, false))),
                None => sequence.states.push(state(true, true)),
            }
        }
        Some(sequence)
    }

    fn class(&mut self) -> Option<Class> {
        match self.take()? {
            '.' => Some(Class::of(&[], true)),
            '[' => self.set(),
            '\\' => self.escape(),
            plain if is_plain(plain) => Some(Class::one(plain)),
            _ => None,
        }
    }

    fn set(&mut self) -> Option<Class> {
        let negated = self.eat('^');
        let mut ranges = Vec::new();
        loop {
            let first = match self.take()? {
                ']' if !ranges.is_empty() => return Some(Class { negated, ranges }),
                '\\' => {
                    let class = self.escape()?;
                    match class.ranges.as_slice() {
                        [(first, last)] if !class.negated && first == last => *first,
                        // \D and the like are no list of ranges.
                        _ if class.negated => return None,
                        _ => {
                            ranges.extend(class.ranges);
                            continue;
                        }
                    }
                }
                ']' => return None,
                other => other,
            };
            let is_range = self.rest.starts_with('-') && !self.rest.starts_with("-]");
            let last = match is_range && self.eat('-') {
                true => self.take()?,
                false => first,
            };
            if last < first {
                return None;
            }
            ranges.push((first, last));
        }
    }

    fn escape(&mut self) -> Option<Class> {
        const DIGIT: &[(char, char)] = &[('0', '9')];
        const SPACE: &[(char, char)] = &[(' ', ' '), ('\t', '\r')];
        const WORD: &[(char, char)] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
        Some(match self.take()? {
            'd' => Class::of(DIGIT, false),
            'D' => Class::of(DIGIT, true),
            's' => Class::of(SPACE, false),
            'S' => Class::of(SPACE, true),
            'w' => Class::of(WORD, false),
            'W' => Class::of(WORD, true),
            'x' => {
                let digits = self.rest.get(..2)?;
                self.rest = self.rest.get(2..)?;
                Class::one(char::from(u8::from_str_radix(digits, 16).ok()?))
            }
            other if !other.is_alphanumeric() => Class::one(other),
            _ => return None,
        })
    }

    /// How often: at least, and at most if there is a most.
    fn count(&mut self) -> Option<(usize, Option<usize>)> {
        if self.eat('?') {
            return Some((0, Some(1)));
        }
        if self.eat('*') {
            return Some((0, None));
        }
        if self.eat('+') {
            return Some((1, None));
        }
        if !self.eat('{') {
            return Some((1, Some(1)));
        }
        let (inner, rest) = self.rest.split_once('}')?;
        self.rest = rest;
        let number = |text: &str| text.parse::<usize>().ok().filter(|count| *count <= STATES);
        match inner.split_once(',') {
            None => number(inner).map(|exact| (exact, Some(exact))),
            Some((least, "")) => Some((number(least)?, None)),
            Some((least, most)) => {
                let (least, most) = (number(least)?, number(most)?);
                (least <= most).then_some((least, Some(most)))
            }
        }
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || ":_#=@/;,- ".contains(character)
}
