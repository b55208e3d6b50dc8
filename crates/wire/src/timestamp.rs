//! A point in time, as AWS's wires carry it: UTC, milliseconds, years 1 to 9999.
//!
//! This crate reads no clock. Formats: RFC 3339 (`date-time`), RFC 9110's IMF-fixdate (`http-date`), seconds since 1970
//! (`epoch-seconds`), and SigV4's compact form.

use std::fmt;

const MILLIS_PER_SECOND: i64 = 1000;
const SECONDS_PER_DAY: i64 = 86_400;
const FIRST_MILLIS: i64 = -62_135_596_800_000;
const LAST_MILLIS: i64 = 253_402_300_799_999;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// That many milliseconds after 1970; clamped to the years 1 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(FIRST_MILLIS, LAST_MILLIS))
    }

    /// That many seconds after 1970; clamped to the years 1 to 9999.
    pub fn from_seconds(seconds: i64) -> Self {
        Self::from_millis(seconds.saturating_mul(MILLIS_PER_SECOND))
    }

    /// Milliseconds after 1970.
    pub fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds after 1970, rounded down.
    pub fn as_seconds(self) -> i64 {
        self.0.div_euclid(MILLIS_PER_SECOND)
    }

    fn subsecond_millis(self) -> i64 {
        self.0.rem_euclid(MILLIS_PER_SECOND)
    }

    /// `2026-01-02T03:04:05Z`, or with three digits of fraction where there are milliseconds.
    pub fn date_time(self) -> String {
        let c = Civil::of(self.as_seconds());
        let millis = self.subsecond_millis();
        if millis == 0 { format!("{c}Z") } else { format!("{c}.{millis:03}Z") }
    }

    /// `2026-01-02T03:04:05.000Z`: always three digits of fraction, as EC2 writes.
    pub fn date_time_millis(self) -> String {
        format!("{}.{:03}Z", Civil::of(self.as_seconds()), self.subsecond_millis())
    }

    /// `Fri, 02 Jan 2026 03:04:05 GMT`; milliseconds are dropped.
    pub fn http_date(self) -> String {
        let c = Civil::of(self.as_seconds());
        let weekday = self.as_seconds().div_euclid(SECONDS_PER_DAY).rem_euclid(7);
        let weekday = WEEKDAYS[weekday as usize];
        let month = MONTHS[(c.month - 1) as usize];
        format!(
            "{weekday}, {:02} {month} {:04} {:02}:{:02}:{:02} GMT",
            c.day, c.year, c.hour, c.minute, c.second
        )
    }

    /// `1767323045` or `1767323045.678`.
    pub fn epoch_seconds(self) -> String {
        let millis = self.0.unsigned_abs() % 1000;
        let seconds = self.0.unsigned_abs() / 1000;
        let sign = if self.0 < 0 { "-" } else { "" };
        if millis == 0 {
            format!("{sign}{seconds}")
        } else {
            let fraction = format!("{millis:03}");
            format!("{sign}{seconds}.{}", fraction.trim_end_matches('0'))
        }
    }

    /// Reads `2026-01-02T03:04:05[.fraction](Z|+hh:mm|-hh:mm)`; digits beyond milliseconds are dropped.
    pub fn parse_date_time(text: &str) -> Option<Self> {
        let (date, time) = text.split_once(['T', 't'])?;
        let mut parts = date.split('-');
        let year = digits(parts.next()?, 4)?;
        let month = digits(parts.next()?, 2)?;
        let day = digits(parts.next()?, 2)?;
        if parts.next().is_some() {
            return None;
        }
        let zone_at = time.find(['Z', 'z', '+', '-'])?;
        let (clock, zone) = time.split_at_checked(zone_at)?;
        let (seconds_of_day, millis) = parse_clock(clock)?;
        let offset = parse_zone(zone)?;
        Self::assemble(year, month, day, seconds_of_day - offset, millis)
    }

    /// Reads an IMF-fixdate, a fraction of the second allowed.
    pub fn parse_http_date(text: &str) -> Option<Self> {
        let rest = text.split_once(", ")?.1;
        let mut parts = rest.split(' ');
        let day = digits(parts.next()?, 2)?;
        let month = parts.next()?;
        let month = MONTHS.iter().position(|m| *m == month)?;
        let year = digits(parts.next()?, 4)?;
        let (seconds_of_day, millis) = parse_clock(parts.next()?)?;
        if parts.next()? != "GMT" || parts.next().is_some() {
            return None;
        }
        Self::assemble(year, i64::try_from(month).ok()? + 1, day, seconds_of_day, millis)
    }

    /// Reads seconds since 1970, a fraction and an exponent allowed; rounded to milliseconds.
    pub fn parse_epoch_seconds(text: &str) -> Option<Self> {
        Self::from_epoch_seconds(text.parse().ok()?)
    }

    /// Seconds since 1970 as a number, rounded to milliseconds; nothing outside the years 1 to 9999.
    pub fn from_epoch_seconds(seconds: f64) -> Option<Self> {
        let millis = (seconds * 1000.0).round();
        let in_range = (FIRST_MILLIS as f64..=LAST_MILLIS as f64).contains(&millis);
        in_range.then_some(Self(millis as i64))
    }

    /// Reads SigV4's `20260102T030405Z`.
    pub fn parse_compact(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let digits =
            |text: &str, from: usize, to: usize| -> Option<i64> { digits(text.get(from..to)?, to - from) };
        if date.len() != 8 || time.len() != 6 {
            return None;
        }
        let (hour, minute, second) = (digits(time, 0, 2)?, digits(time, 2, 4)?, digits(time, 4, 6)?);
        let seconds_of_day = seconds_of_day(hour, minute, second)?;
        Self::assemble(digits(date, 0, 4)?, digits(date, 4, 6)?, digits(date, 6, 8)?, seconds_of_day, 0)
    }

    /// SigV4's date, `20260102`.
    pub fn compact_date(self) -> String {
        let c = Civil::of(self.as_seconds());
        format!("{:04}{:02}{:02}", c.year, c.month, c.day)
    }

    /// SigV4's time, `20260102T030405Z`.
    pub fn compact(self) -> String {
        let c = Civil::of(self.as_seconds());
        format!("{}T{:02}{:02}{:02}Z", self.compact_date(), c.hour, c.minute, c.second)
    }

    fn assemble(year: i64, month: i64, day: i64, seconds_of_day: i64, millis: i64) -> Option<Self> {
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let seconds = days_from_civil(year, month, day) * SECONDS_PER_DAY + seconds_of_day;
        let total = seconds * MILLIS_PER_SECOND + millis;
        (FIRST_MILLIS..=LAST_MILLIS).contains(&total).then_some(Self(total))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.date_time())
    }
}

/// A calendar date and time of day in UTC.
struct Civil {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
}

impl Civil {
    fn of(seconds: i64) -> Self {
        let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
        let rest = seconds.rem_euclid(SECONDS_PER_DAY);
        Self { year, month, day, hour: rest / 3600, minute: rest / 60 % 60, second: rest % 60 }
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)?;
        write!(f, "T{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar. Counted in eras of 400 years that begin in March,
/// so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Exactly that many decimal digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

fn seconds_of_day(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// `hh:mm:ss[.fraction]` as seconds and milliseconds.
fn parse_clock(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = whole.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let seconds = seconds_of_day(digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?)?;
    let fraction_is_sane = (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit());
    if !fraction_is_sane {
        return None;
    }
    let millis = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some((seconds, millis))
}

/// `Z`, `+hh:mm` or `-hh:mm` as seconds east of UTC.
fn parse_zone(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_agree_with_known_points() {
        let t = Timestamp::from_millis(1_398_796_238_123);
        assert_eq!(t.date_time(), "2014-04-29T18:30:38.123Z");
        assert_eq!(Timestamp::from_seconds(1_398_796_238).date_time(), "2014-04-29T18:30:38Z");
        assert_eq!(Timestamp::from_seconds(0).date_time_millis(), "1970-01-01T00:00:00.000Z");
        assert_eq!(t.http_date(), "Tue, 29 Apr 2014 18:30:38 GMT");
        assert_eq!(t.epoch_seconds(), "1398796238.123");
        assert_eq!(Timestamp::from_millis(-1500).epoch_seconds(), "-1.5");
        assert_eq!(t.compact(), "20140429T183038Z");
    }

    #[test]
    fn parsing_inverts_formatting_on_every_kind_of_day() {
        for day in (-719_162..2_932_896).step_by(37) {
            let t = Timestamp::from_seconds(day * SECONDS_PER_DAY + 45_296);
            assert_eq!(Timestamp::parse_date_time(&t.date_time()), Some(t));
            assert_eq!(Timestamp::parse_http_date(&t.http_date()), Some(t));
            assert_eq!(Timestamp::parse_compact(&t.compact()), Some(t));
        }
    }

    #[test]
    fn offsets_and_fractions_are_applied() {
        let t = Timestamp::from_millis(1_576_540_098_520);
        assert_eq!(
            Timestamp::parse_date_time("2019-12-16T22:48:18-01:00"),
            Some(Timestamp::from_seconds(1_576_540_098))
        );
        assert_eq!(Timestamp::parse_date_time("2019-12-16T23:48:18.52Z"), Some(t));
        assert_eq!(Timestamp::parse_epoch_seconds("1576540098.52"), Some(t));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "T",
            "2019-13-01T00:00:00Z",
            "2019-02-29T00:00:00Z",
            "2019-01-01T24:00:00Z",
            "2019-01-01T00:00:00",
            "2019-01-01T00:00:00.Z",
            "2019-01-01T00:00:00+1:00",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "é019-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_date_time(text), None, "{text}");
        }
        assert_eq!(Timestamp::parse_epoch_seconds("1e300"), None);
        assert_eq!(Timestamp::parse_epoch_seconds("NaN"), None);
        assert_eq!(Timestamp::parse_compact("2014é429T183038"), None);
    }
}
