//! Properties of what has no published cases: every writer's reader reads it back.

use enishi_wire::Timestamp;
use enishi_wire::form::Form;
use proptest::prelude::*;

const FIRST_MILLIS: i64 = -62_135_596_800_000;
const LAST_MILLIS: i64 = 253_402_300_799_999;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_are_read_as_written(millis in FIRST_MILLIS..=LAST_MILLIS) {
        let time = Timestamp::from_millis(millis);
        let second = Timestamp::from_seconds(time.as_seconds());
        prop_assert_eq!(Timestamp::parse_date_time(&time.date_time()), Some(time));
        prop_assert_eq!(Timestamp::parse_date_time(&time.date_time_millis()), Some(time));
        prop_assert_eq!(Timestamp::parse_epoch_seconds(&time.epoch_seconds()), Some(time));
        prop_assert_eq!(Timestamp::parse_http_date(&time.http_date()), Some(second));
        prop_assert_eq!(Timestamp::parse_compact(&time.compact()), Some(second));
    }

    #[test]
    fn any_text_is_a_time_or_none(text in "[0-9TZtz:.+\\- GMTJan,]{0,40}") {
        let readings =
            [Timestamp::parse_date_time(&text), Timestamp::parse_http_date(&text), Timestamp::parse_epoch_seconds(&text)];
        for time in readings.into_iter().flatten() {
            prop_assert!((FIRST_MILLIS..=LAST_MILLIS).contains(&time.as_millis()));
        }
    }

    #[test]
    fn parameters_are_read_as_written(pairs in proptest::collection::btree_map(".{1,20}", ".{0,20}", 0..20)) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let form = Form::parse("", body.as_bytes()).expect("a form");
        for (name, value) in &pairs {
            prop_assert_eq!(form.get(name), Some(value.as_str()));
        }
    }
}
