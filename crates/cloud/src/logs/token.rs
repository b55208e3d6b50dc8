//! Tokens: a [`Position`] as text. Clients hand them back and look no deeper, but for one thing: at the end of a stream the
//! same token must come back.

use super::event::Position;
use super::faults;
use enishi_wire::Fault;

/// The digits of a position: 56, as in AWS's event ids.
pub(super) fn digits(position: Position) -> String {
    format!("3{:025}{:030}", position.timestamp.max(0), position.sequence)
}

/// The position of such digits.
fn parse(digits: &str) -> Option<Position> {
    let digits = digits.strip_prefix('3').filter(|rest| rest.len() == 55)?;
    let (timestamp, sequence) = digits.split_at_checked(25)?;
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (all_digits(timestamp) && all_digits(sequence)).then_some(())?;
    Some(Position { timestamp: timestamp.parse().ok()?, sequence: sequence.parse().ok()? })
}

/// Where `GetLogEvents` goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// With the events from here on.
    Forward(Position),
    /// With the events before.
    Backward(Position),
}

impl Direction {
    /// The token of the direction: `f/…/s` or `b/…/s`.
    pub(super) fn token(self) -> String {
        match self {
            Direction::Forward(position) => format!("f/{}/s", digits(position)),
            Direction::Backward(position) => format!("b/{}/s", digits(position)),
        }
    }

    /// # Errors
    /// `InvalidParameterException`
    pub(super) fn parse(token: &str) -> Result<Self, Fault> {
        let inner = |prefix: &str| parse(token.strip_prefix(prefix)?.strip_suffix("/s")?);
        let forward = inner("f/").map(Direction::Forward);
        forward.or_else(|| inner("b/").map(Direction::Backward)).ok_or_else(faults::invalid_token)
    }
}

/// The token of `FilterLogEvents`.
pub(super) fn search(position: Position) -> String {
    digits(position)
}

/// # Errors
/// `InvalidParameterException`
pub(super) fn parse_search(token: &str) -> Result<Position, Fault> {
    parse(token).ok_or_else(faults::invalid_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_come_back() {
        for position in
            [Position::START, Position::END, Position { timestamp: 1_767_323_045_000, sequence: 7 }]
        {
            for direction in [Direction::Forward(position), Direction::Backward(position)] {
                assert_eq!(Direction::parse(&direction.token()).ok(), Some(direction));
            }
            assert_eq!(parse_search(&search(position)).ok(), Some(position));
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "f/",
            "f/1/s",
            "x",
            "b/+0/s",
            &"9".repeat(56),
            &format!("3{}", "9".repeat(55)),
            &"é".repeat(28),
        ] {
            assert!(Direction::parse(text).is_err() && parse_search(text).is_err(), "{text}");
        }
    }
}
