//! Whatever can be said can be written and read again, and whatever cannot be read is a typed error.

use bailiwick_protocols::{
    AgentFact, Delegation, Event, Goal, GoalEvent, Json, Mandate, Permission, Recorded, Refusal, Settlement,
    TrustScore, Verify,
    codec::{self, CodecError, SIZE_MAX, VERSION},
    contract::VERIFY_DEPTH_MAX,
};
use proptest::{prelude::*, sample::Index};
use serde::{Serialize, de::DeserializeOwned};

use super::arbitrary::{self, tried};

/// Writes and reads a value on every road there is: the frame, JSON text, and the JSON value that upcasters work on.
fn survives<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(
    value: &T,
    cut: Index,
    flip: u8,
) -> Result<(), TestCaseError> {
    let frame = codec::encode(value).expect("it can be framed");
    let text = serde_json::to_string(value).expect("it can be written as text");
    let tree = serde_json::to_value(value).expect("it can be written as a JSON value");

    prop_assert_eq!(&codec::decode::<T>(&frame).expect("its frame can be read"), value);
    prop_assert_eq!(&serde_json::from_str::<T>(&text).expect("its text can be read"), value);
    prop_assert_eq!(&serde_json::from_value::<T>(tree).expect("its JSON value can be read"), value);
    let parsed: serde_json::Value = serde_json::from_str(&text).expect("its text is JSON");
    prop_assert_eq!(&serde_json::from_value::<T>(parsed).expect("its text can be read as a JSON value"), value);

    refuses_what_is_damaged::<T>(frame, cut, flip)
}

fn refuses_what_is_damaged<T: DeserializeOwned>(mut frame: Vec<u8>, cut: Index, flip: u8) -> Result<(), TestCaseError> {
    let at = cut.index(frame.len());
    let short = codec::decode::<T>(&frame[..at]).err();
    prop_assert!(matches!((at, short), (0, Some(CodecError::Empty)) | (1.., Some(CodecError::Decode(_)))));

    frame.push(flip);
    let long = codec::decode::<T>(&frame).err();
    prop_assert!(matches!(long, Some(CodecError::Trailing { count: 1 })), "{long:?}");

    // Another byte may make another value; it only must not panic.
    frame.pop();
    frame[at] ^= flip;
    let _ = codec::decode::<T>(&frame);
    Ok(())
}

macro_rules! survive {
    ($cases:literal: $($sentence:ident => $strategy:ident),* $(,)?) => {
        proptest! {
            #![proptest_config(tried($cases))]
            $(
                #[test]
                fn $sentence(value in arbitrary::$strategy(), cut: Index, flip: u8) {
                    survives(&value, cut, flip)?;
                }
            )*
        }
    };
}

survive! { 64:
    a_json_value_survives_every_codec => json,
    a_timestamp_survives_every_codec => timestamp,
    a_goal_id_survives_every_codec => goal_id,
    a_delegation_id_survives_every_codec => delegation_id,
    a_task_id_survives_every_codec => task_id,
    a_capability_survives_every_codec => capability,
    a_usage_survives_every_codec => usage,
    a_cost_survives_every_codec => cost,
    a_slice_survives_every_codec => slice,
    a_trust_record_survives_every_codec => trust_record,
    a_lesson_survives_every_codec => lesson,
    a_verdict_survives_every_codec => verdict,
    a_constraint_survives_every_codec => constraint,
    a_permission_survives_every_codec => permission,
    a_set_of_permissions_survives_every_codec => permissions,
    limits_survive_every_codec => limits,
    a_mandate_survives_every_codec => mandate,
    a_check_survives_every_codec => verify,
    a_contract_survives_every_codec => contract,
    settings_survive_every_codec => settings,
    an_output_survives_every_codec => output,
    a_failure_survives_every_codec => failure,
    feedback_survives_every_codec => feedback,
    a_traceparent_survives_every_codec => traceparent,
    a_report_survives_every_codec => report,
    a_refusal_survives_every_codec => refusal,
    an_outcome_survives_every_codec => outcome,
    a_policy_fact_survives_every_codec => policy_fact,
    a_ruling_survives_every_codec => ruling,
    a_directive_survives_every_codec => directive,
    a_recovery_survives_every_codec => recovery,
    a_runtime_event_survives_every_codec => runtime_event,
    a_stream_survives_every_codec => stream,
}

survive! { 48:
    a_task_survives_every_codec => task,
    a_task_spec_survives_every_codec => task_spec,
    a_goal_survives_every_codec => goal,
    a_brief_survives_every_codec => brief,
    a_delegation_survives_every_codec => delegation,
    a_settlement_survives_every_codec => settlement,
    what_came_of_a_part_survives_every_codec => delegated,
}

survive! { 256:
    a_goal_event_survives_every_codec => goal_event,
    an_agent_fact_survives_every_codec => agent_fact,
    a_recorded_event_survives_every_codec => recorded,
}

proptest! {
    #![proptest_config(tried(2048))]

    #[test]
    fn a_finite_float_is_read_again_to_the_last_bit(number in arbitrary::finite()) {
        let text = serde_json::to_string(&number)?;
        prop_assert_eq!(serde_json::from_str::<f64>(&text)?.to_bits(), number.to_bits());
    }

    #[test]
    fn a_trust_score_read_from_anything_lies_within_its_range(number: f64) {
        let score = TrustScore::new(number).get();
        prop_assert!((0.0..=1.0).contains(&score), "{}", score);
    }

    #[test]
    fn bytes_of_any_kind_never_panic_a_reader(mut bytes in prop::collection::vec(any::<u8>(), 1..96)) {
        bytes[0] = VERSION;
        let _ = codec::decode::<Recorded>(&bytes);
        let _ = codec::decode::<Event>(&bytes);
        let _ = codec::decode::<Goal>(&bytes);
        let _ = codec::decode::<Delegation>(&bytes);
        let _ = codec::decode::<Settlement>(&bytes);
        let _ = codec::decode::<Mandate>(&bytes);
        let _ = codec::decode::<Permission>(&bytes);
        let _ = codec::decode::<Refusal>(&bytes);
        let _ = codec::decode::<Json>(&bytes);
        let _ = codec::decode::<Vec<String>>(&bytes);
    }
}

#[test]
fn an_empty_frame_is_a_typed_error() {
    let read = codec::decode::<Goal>(&[]);

    assert!(matches!(read, Err(CodecError::Empty)), "{read:?}");
}

#[test]
fn a_frame_of_another_version_is_not_read() {
    let mut frame = codec::encode(&Goal::new("sum 2 2")).expect("a small goal can be framed");

    for version in (0..=u8::MAX).filter(|version| *version != VERSION) {
        frame[0] = version;
        let read = codec::decode::<Goal>(&frame);
        assert!(matches!(read, Err(CodecError::Version { found }) if found == version), "{read:?}");
    }
}

#[test]
fn a_frame_over_the_size_limit_is_neither_written_nor_read() {
    // One byte of version and five of length stand before the text.
    let largest = "x".repeat(SIZE_MAX - 6);
    let too_large = "x".repeat(SIZE_MAX - 5);

    let frame = codec::encode(&largest).expect("it just fits");
    assert_eq!(frame.len(), SIZE_MAX);
    assert_eq!(codec::decode::<String>(&frame).expect("it just fits"), largest);
    assert!(matches!(codec::encode(&too_large), Err(CodecError::TooLarge)));
    let oversized = [frame, vec![0]].concat();
    assert!(matches!(codec::decode::<String>(&oversized), Err(CodecError::TooLarge)));
}

#[test]
fn every_frame_within_the_limit_can_be_read_again() {
    // The limit once counted eight bytes for an integer that was written in one.
    let many_small = vec![1_u64; 3_000_000];
    let widest = vec![1_u128; 4_000_000];

    let frames = (codec::encode(&many_small).expect("3 MB"), codec::encode(&widest).expect("4 MB"));

    assert_eq!(codec::decode::<Vec<u64>>(&frames.0).expect("it was written"), many_small);
    assert_eq!(codec::decode::<Vec<u128>>(&frames.1).expect("it was written"), widest);
}

#[test]
fn a_frame_that_promises_more_than_it_holds_is_a_typed_error() {
    // 253 announces that eight bytes of length follow.
    for length in [1_u64 << 24, 1 << 32, 1 << 62, u64::MAX] {
        let frame = [&[VERSION, 253][..], &length.to_le_bytes(), b"abc"].concat();
        assert!(matches!(codec::decode::<String>(&frame), Err(CodecError::Decode(_))));
        assert!(matches!(codec::decode::<Json>(&frame), Err(CodecError::Decode(_))));
        assert!(matches!(codec::decode::<Vec<u128>>(&frame), Err(CodecError::Decode(_))));
        assert!(matches!(codec::decode::<Vec<Verify>>(&frame), Err(CodecError::Decode(_))));
    }
}

#[test]
fn checks_nested_too_deep_are_an_error_and_not_the_end_of_the_process() {
    // A frame of nothing but `Not(Not(Not(...` once ran the reader's stack out.
    for tag in [7, 8, 9] {
        let mut frame = vec![tag; 1 << 20];
        frame[0] = VERSION;
        // `All` and `Any` need a length behind each tag; their own tag serves.
        assert!(matches!(codec::decode::<Verify>(&frame), Err(CodecError::Decode(_))));
    }
    let nested = |depth| (0..depth).fold(Verify::contains("4"), |check, _| Verify::not(check));

    let deepest = codec::encode(&nested(VERIFY_DEPTH_MAX)).expect("it can be framed");
    let too_deep = codec::encode(&nested(VERIFY_DEPTH_MAX + 1)).expect("it can be framed");

    assert_eq!(codec::decode::<Verify>(&deepest).expect("deep enough for anybody"), nested(VERIFY_DEPTH_MAX));
    assert!(matches!(codec::decode::<Verify>(&too_deep), Err(CodecError::Decode(why)) if why.contains("32 deep")));
    assert!(codec::decode::<Verify>(&deepest).is_ok(), "the refusal left nothing behind");
}

#[test]
fn the_deepest_check_can_still_be_read_where_events_are_kept_as_text() {
    let check = (0..VERIFY_DEPTH_MAX).fold(Verify::contains("4"), |check, _| Verify::all([check]));
    let task = bailiwick_protocols::Task::new("t", "g").verify(check).resolve(&Default::default());
    let event = Event::Goal(GoalEvent::TaskDecomposed {
        tasks: vec![task.into()],
        usage: Default::default(),
        cost: Default::default(),
    });

    let text = serde_json::to_string(&event).expect("it can be written");

    assert_eq!(serde_json::from_str::<Event>(&text).expect("it can be read"), event);
}

#[test]
fn a_fact_of_a_policy_is_read_by_whoever_does_not_know_the_policy() {
    let text = r#"{"Policy":{"policy":"tides","kind":"ebb","body":{"at":[1,2.5,null]}}}"#;

    let fact: AgentFact = serde_json::from_str(text).expect("the body is free");

    assert_eq!(serde_json::to_string(&fact).expect("it can be written"), text);
}

#[test]
fn equal_json_values_have_equal_canonical_text() {
    let equal = [
        (r#"{"b":1,"a":{"d":[],"c":null}}"#, r#"{ "a": {"c": null, "d": []}, "b": 1 }"#),
        ("[-0.0]", "[0.0]"),
        (r#""\u00e9""#, "\"é\""),
    ];

    for (one, other) in equal.map(|(a, b)| (a, b)) {
        let [one, other] = [one, other].map(|text| Json(serde_json::from_str(text).expect("it is JSON")));
        assert_eq!(one, other);
        assert_eq!(one.canonical(), other.canonical());
    }
}
