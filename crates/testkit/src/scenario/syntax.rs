//! The lines of a scenario file.

use std::fmt;

use enishi_fabric::Disposition;

/// What separates commands and verdicts from the printed traces.
const GOLDEN: &str = "-- expect --";

/// A scenario file.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its steps by line number, counted from 1.
    pub(super) steps: Vec<(usize, Step)>,
    /// What follows the separator, and the separator's line.
    pub(super) golden: Option<(usize, String)>,
    text: String,
}

/// A line that is none of those that scenarios have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    message: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.message)
    }
}

impl std::error::Error for SyntaxError {}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// `[bind=$(]aws …[)] [!! fails]`
    Command { bind: Option<String>, words: Vec<String>, fails: Option<String> },
    /// `instance name in subnet with groups options`
    Instance { name: String, subnet: String, groups: Vec<String>, options: Vec<String> },
    /// `bind=$(address of)` or `bind=$(public of)`
    Address { bind: String, of: String, public: bool },
    /// `settle`
    Settle,
    /// `from -> to traffic verdict`
    Probe { from: End, to: End, traffic: Traffic, verdict: Verdict },
    /// `bind=$(open from -> to traffic)`
    Open { bind: String, from: End, to: End, traffic: Traffic },
    /// `flow continues` or `flow is cut`
    Goes { flow: String, on: bool },
    /// `trace from -> to traffic`
    Trace { from: End, to: End, traffic: Traffic },
}

/// An end of a packet. Texts are not expanded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// `name` or `name@address`
    Instance(String, Option<String>),
    /// `internet` or `internet@address`
    Internet(Option<String>),
    /// `address` or `$variable`
    Address(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Traffic {
    Tcp(u16),
    Udp(u16),
    Icmp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Passes { seen: Option<String> },
    Unanswered { by: Option<Obstacle> },
    Blocked { by: Option<Obstacle> },
}

/// What stopped a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Obstacle {
    SecurityGroup,
    NetworkAcl,
    Route,
    Peering,
    Translation,
    SourceDestCheck,
    NatGateway,
    LoadBalancer,
    Address,
}

impl Obstacle {
    const NAMES: [(&'static str, Obstacle); 9] = [
        ("security-group", Obstacle::SecurityGroup),
        ("network-acl", Obstacle::NetworkAcl),
        ("route", Obstacle::Route),
        ("peering", Obstacle::Peering),
        ("translation", Obstacle::Translation),
        ("source-dest-check", Obstacle::SourceDestCheck),
        ("nat-gateway", Obstacle::NatGateway),
        ("load-balancer", Obstacle::LoadBalancer),
        ("address", Obstacle::Address),
    ];

    fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, obstacle)| *obstacle)
    }

    /// The obstacle that a trace ended at.
    pub(super) fn of(disposition: &Disposition) -> Option<Self> {
        match disposition {
            Disposition::DeniedBySecurityGroup => Some(Obstacle::SecurityGroup),
            Disposition::DeniedByNetworkAcl => Some(Obstacle::NetworkAcl),
            Disposition::NoRoute | Disposition::Blackhole => Some(Obstacle::Route),
            Disposition::NotPeered => Some(Obstacle::Peering),
            Disposition::NotTranslated => Some(Obstacle::Translation),
            Disposition::SourceCheck | Disposition::DestinationCheck => Some(Obstacle::SourceDestCheck),
            Disposition::NoSuchFlow | Disposition::NoFreePort => Some(Obstacle::NatGateway),
            Disposition::NoListener | Disposition::NoTarget => Some(Obstacle::LoadBalancer),
            Disposition::Unreachable => Some(Obstacle::Address),
            _ => None,
        }
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that is none of those in `tests/scenarios/README.md`.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let mut steps = Vec::new();
        let mut lines = text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let mut golden = None;
        for (number, line) in lines.by_ref() {
            if line == GOLDEN {
                golden = Some(number);
                break;
            }
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let step = step(line).map_err(|message| SyntaxError { line: number, message })?;
            steps.push((number, step));
        }
        let golden = golden.map(|number| (number, lines.map(|(_, line)| format!("{line}\n")).collect()));
        Ok(Scenario { steps, golden, text: text.to_owned() })
    }

    /// The file with other printed traces.
    pub fn with_golden(&self, golden: &str) -> String {
        match &self.golden {
            Some((line, _)) => {
                let kept: String = self.text.lines().take(*line).map(|line| format!("{line}\n")).collect();
                kept + golden
            }
            None => self.text.clone(),
        }
    }
}

fn step(line: &str) -> Result<Step, String> {
    if let Some((name, rest)) = line.split_once("=$(")
        && is_name(name)
    {
        return captured(name, rest);
    }
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["aws", ..] => command(None, line),
        ["settle"] => Ok(Step::Settle),
        ["instance", name, "in", subnet, "with", rest @ ..] => {
            let (groups, options) = split_options(rest);
            if groups.is_empty() {
                return Err("an instance has at least one security group".to_owned());
            }
            Ok(Step::Instance { name: (*name).to_owned(), subnet: (*subnet).to_owned(), groups, options })
        }
        ["trace", from, "->", to, what] => {
            Ok(Step::Trace { from: end(from)?, to: end(to)?, traffic: traffic(what)? })
        }
        [flow, "continues"] => Ok(Step::Goes { flow: (*flow).to_owned(), on: true }),
        [flow, "is", "cut"] => Ok(Step::Goes { flow: (*flow).to_owned(), on: false }),
        [from, "->", to, what, rest @ ..] => Ok(Step::Probe {
            from: end(from)?,
            to: end(to)?,
            traffic: traffic(what)?,
            verdict: verdict(rest)?,
        }),
        _ => Err(format!("what is {line:?}?")),
    }
}

/// What follows `name=$(`.
fn captured(name: &str, rest: &str) -> Result<Step, String> {
    let bind = name.to_owned();
    let inner = rest.strip_suffix(')').ok_or("the line ends without )")?;
    let words: Vec<&str> = inner.split_whitespace().collect();
    match words.as_slice() {
        ["aws", ..] => command(Some(bind), inner),
        ["address", of] => Ok(Step::Address { bind, of: (*of).to_owned(), public: false }),
        ["public", of] => Ok(Step::Address { bind, of: (*of).to_owned(), public: true }),
        ["open", from, "->", to, what] => {
            Ok(Step::Open { bind, from: end(from)?, to: end(to)?, traffic: traffic(what)? })
        }
        _ => Err(format!("what is {inner:?}?")),
    }
}

fn command(bind: Option<String>, line: &str) -> Result<Step, String> {
    let (line, fails) = match line.split_once(" !! ") {
        Some((line, code)) => (line, Some(code.trim().to_owned())),
        None => (line, None),
    };
    let words = line.split_whitespace().skip(1).map(str::to_owned).collect();
    Ok(Step::Command { bind, words, fails })
}

fn split_options(words: &[&str]) -> (Vec<String>, Vec<String>) {
    let at = words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len());
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    (owned(&words[..at]), owned(&words[at..]))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn end(text: &str) -> Result<End, String> {
    let (name, address) = match text.split_once('@') {
        Some((name, address)) => (name, Some(address.to_owned())),
        None => (text, None),
    };
    match name {
        "internet" => Ok(End::Internet(address)),
        _ if is_name(name) => Ok(End::Instance(name.to_owned(), address)),
        _ if address.is_none() => Ok(End::Address(text.to_owned())),
        _ => Err(format!("{text:?} is no end of a packet")),
    }
}

fn traffic(text: &str) -> Result<Traffic, String> {
    let port = |port: &str| port.parse().map_err(|_| format!("{port:?} is no port"));
    match text.split_once('/') {
        Some(("tcp", number)) => Ok(Traffic::Tcp(port(number)?)),
        Some(("udp", number)) => Ok(Traffic::Udp(port(number)?)),
        None if text == "icmp" => Ok(Traffic::Icmp),
        _ => Err(format!("{text:?} is neither tcp/PORT, udp/PORT nor icmp")),
    }
}

fn verdict(words: &[&str]) -> Result<Verdict, String> {
    let obstacle = |name: &str| Obstacle::parse(name).map(Some).ok_or(format!("{name:?} stops no packets"));
    match words {
        ["passes"] => Ok(Verdict::Passes { seen: None }),
        ["passes", "as", source] => Ok(Verdict::Passes { seen: Some((*source).to_owned()) }),
        ["unanswered"] => Ok(Verdict::Unanswered { by: None }),
        ["unanswered", "by", name] => Ok(Verdict::Unanswered { by: obstacle(name)? }),
        ["blocked"] => Ok(Verdict::Blocked { by: None }),
        ["blocked", "by", name] => Ok(Verdict::Blocked { by: obstacle(name)? }),
        _ => Err(format!("{:?} is no verdict", words.join(" "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let text = "# comment\n\nvpc=$(aws ec2 create-vpc --cidr-block 10.0.0.0/16)\n\
                    aws ec2 delete-vpc --vpc-id $vpc !! DependencyViolation\n\
                    a@10.0.0.5 -> internet@8.8.8.8 udp/53 blocked by source-dest-check\n\
                    -- expect --\nold\n";
        let scenario = Scenario::parse(text).expect("a scenario");
        let lines: Vec<usize> = scenario.steps.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [3, 4, 5]);
        assert_eq!(scenario.golden, Some((6, "old\n".to_owned())));
        assert!(
            matches!(&scenario.steps[1].1, Step::Command { fails: Some(code), .. } if code == "DependencyViolation")
        );
        assert_eq!(
            scenario.steps[2].1,
            Step::Probe {
                from: End::Instance("a".into(), Some("10.0.0.5".into())),
                to: End::Internet(Some("8.8.8.8".into())),
                traffic: Traffic::Udp(53),
                verdict: Verdict::Blocked { by: Some(Obstacle::SourceDestCheck) },
            }
        );
        assert!(scenario.with_golden("new\n").ends_with("-- expect --\nnew\n"));
    }

    #[test]
    fn nonsense_is_refused_with_its_line() {
        for (text, line) in [("settle\nsettled", 2), ("a -> b tcp/80 flies", 1), ("a -> b sctp/1 passes", 1)]
        {
            assert_eq!(Scenario::parse(text).map(drop).map_err(|error| error.line), Err(line), "{text}");
        }
    }
}
