//! Calendar years, and dates as mail has them.

use enishi_state::Timestamp;

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// A point in time as responses carry it.
pub(super) fn shown(time: Timestamp) -> enishi_wire::Timestamp {
    enishi_wire::Timestamp::from_millis(time.0)
}

/// The year, in UTC.
pub(super) fn year(time: Timestamp) -> i32 {
    let text = shown(time).date_time();
    text.split('-').next().and_then(|year| year.parse().ok()).unwrap_or_default()
}

/// The same day so many years later; the 29th of February becomes the 28th where there is none.
pub(super) fn plus_years(time: Timestamp, years: u8) -> Timestamp {
    let text = shown(time).date_time_millis();
    let later = year(time) + i32::from(years);
    let rest = text.split_once('-').map(|(_, rest)| rest).unwrap_or_default();
    let at = |rest: &str| enishi_wire::Timestamp::parse_date_time(&format!("{later:04}-{rest}"));
    let found = at(rest).or_else(|| at(&rest.replacen("02-29", "02-28", 1)));
    found.map_or(time, |found| Timestamp(found.as_millis()))
}

/// `Fri, 02 Jan 2026 03:04:05 +0000` (RFC 5322, section 3.3).
pub(super) fn in_mail(time: Timestamp) -> String {
    shown(time).http_date().replace("GMT", "+0000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_are_those_of_the_calendar() {
        let at = |text: &str| Timestamp(enishi_wire::Timestamp::parse_date_time(text).unwrap().as_millis());
        assert_eq!(plus_years(at("2026-01-02T03:04:05Z"), 1), at("2027-01-02T03:04:05Z"));
        assert_eq!(plus_years(at("2024-02-29T00:00:00.123Z"), 1), at("2025-02-28T00:00:00.123Z"));
        assert_eq!(plus_years(at("2024-02-29T00:00:00Z"), 4), at("2028-02-29T00:00:00Z"));
        assert_eq!(year(at("2026-12-31T23:59:59Z")), 2026);
        assert_eq!(in_mail(at("2026-01-02T03:04:05Z")), "Fri, 02 Jan 2026 03:04:05 +0000");
    }
}
