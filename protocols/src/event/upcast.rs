//! How a body that an older version wrote becomes what this one reads: a table of steps, one for each kind and version.
//!
//! The version of a kind is one more than the last step of it in the table; a kind without steps has version 1. Whoever
//! changes the shape of a body adds the step here: every journal that stores JSON takes it on reading.

use serde_json::{Map, Value};

/// One step: the body of a kind from one version to the next.
#[derive(Clone, Copy, Debug)]
pub struct Upcaster {
    /// The kind.
    pub kind: &'static str,
    /// The version it is brought from, to the one after.
    pub from: u32,
    /// Changes the whole body, as it is stored.
    pub step: fn(&mut Value) -> Result<(), String>,
}

/// A table of steps.
#[derive(Clone, Copy, Debug)]
pub struct Upcasters(pub &'static [Upcaster]);

/// The steps of this version.
pub const UPCASTERS: Upcasters = Upcasters(&[
    Upcaster { kind: "attempt_ended", from: 1, step: the_duration_names_its_unit },
    Upcaster { kind: "tool_called", from: 1, step: an_uncounted_call_is_call_0 },
    Upcaster { kind: "violation", from: 1, step: what_was_tried_has_parts },
]);

/// A stored body is not what this version reads.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotUpcast {
    /// A newer version wrote it.
    #[error("this version knows its body up to version {known}")]
    Newer {
        /// The newest version known here.
        known: u32,
    },
    /// A step could not be taken.
    #[error("its body of version {from} cannot be read: {why}")]
    Step {
        /// The version that was left.
        from: u32,
        /// What is wrong with the body.
        why: String,
    },
}

impl Upcasters {
    /// The version this table brings a kind to.
    pub fn version(&self, kind: &str) -> u32 {
        self.0.iter().filter(|step| step.kind == kind).map(|step| step.from + 1).max().unwrap_or(1)
    }

    /// Brings a stored body of a kind from the version it was written in to the newest.
    ///
    /// # Errors
    /// If a newer version wrote it, or it is not what a step expects.
    pub fn upcast(&self, kind: &str, version: u32, mut body: Value) -> Result<Value, NotUpcast> {
        // A policy names the kinds of its own facts, and keeps them readable itself.
        let known = if body.pointer("/Agent/Policy").is_some() { 1 } else { self.version(kind) };
        if version > known {
            return Err(NotUpcast::Newer { known });
        }
        for from in version..known {
            if let Some(upcaster) = self.0.iter().find(|step| step.kind == kind && step.from == from) {
                (upcaster.step)(&mut body).map_err(|why| NotUpcast::Step { from, why })?;
            }
        }
        Ok(body)
    }
}

/// The fields of an event, in the place where its stream's writer puts them.
fn fields<'a>(body: &'a mut Value, place: &str) -> Result<&'a mut Map<String, Value>, String> {
    let found = body.pointer_mut(place).and_then(Value::as_object_mut);
    found.ok_or_else(|| format!("there are no fields at {place}"))
}

/// Version 1 said `duration` and meant milliseconds.
fn the_duration_names_its_unit(body: &mut Value) -> Result<(), String> {
    let fields = fields(body, "/Goal/AttemptEnded")?;
    let duration = fields.remove("duration").ok_or("it has no duration")?;
    fields.insert("duration_ms".to_owned(), duration);
    Ok(())
}

/// Version 1 did not count calls at first.
fn an_uncounted_call_is_call_0(body: &mut Value) -> Result<(), String> {
    fields(body, "/Agent/ToolCalled")?.entry("call").or_insert(Value::from(0));
    Ok(())
}

/// Version 1 said `tool: permission` in one text, and not what kept the call outside: it is read as the scope.
fn what_was_tried_has_parts(body: &mut Value) -> Result<(), String> {
    let tried = fields(body, "/Agent/Violation")?.get_mut("tried").ok_or("it does not say what was tried")?;
    let text = tried.as_str().ok_or("what was tried is no text")?;
    let (tool, needs) = text.split_once(": ").unwrap_or(("", text));
    *tried = serde_json::json!({ "tool": tool, "needs": needs, "outside": "scope" });
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{AgentFact, Event};

    fn renamed(body: &mut Value) -> Result<(), String> {
        let fields = fields(body, "/Goal/Dreamt")?;
        let of = fields.remove("what").ok_or("it dreams of nothing")?;
        fields.insert("of".to_owned(), of);
        Ok(())
    }

    fn counted(body: &mut Value) -> Result<(), String> {
        fields(body, "/Goal/Dreamt").map(|fields| drop(fields.insert("times".to_owned(), json!(1))))
    }

    const DREAMS: Upcasters = Upcasters(&[
        Upcaster { kind: "dreamt", from: 1, step: renamed },
        Upcaster { kind: "dreamt", from: 2, step: counted },
    ]);

    #[test]
    fn a_body_takes_every_step_from_its_own_version_on() {
        let newest = json!({ "Goal": { "Dreamt": { "of": "sheep", "times": 1 } } });

        let first = DREAMS.upcast("dreamt", 1, json!({ "Goal": { "Dreamt": { "what": "sheep" } } }));
        let second = DREAMS.upcast("dreamt", 2, json!({ "Goal": { "Dreamt": { "of": "sheep" } } }));
        let third = DREAMS.upcast("dreamt", 3, newest.clone());

        assert_eq!([first, second, third], [Ok(newest.clone()), Ok(newest.clone()), Ok(newest)]);
        assert_eq!((DREAMS.version("dreamt"), DREAMS.version("slept")), (3, 1));
    }

    #[test]
    fn a_newer_body_and_one_that_is_not_what_it_says_are_refused() {
        let newer = DREAMS.upcast("dreamt", 4, json!({ "Goal": { "Dreamt": {} } })).unwrap_err();
        let unknown = DREAMS.upcast("slept", 2, json!({ "Goal": "Slept" })).unwrap_err();
        let wrong = DREAMS.upcast("dreamt", 1, json!({ "Goal": { "Dreamt": {} } })).unwrap_err();

        assert_eq!([newer, unknown], [NotUpcast::Newer { known: 3 }, NotUpcast::Newer { known: 1 }]);
        assert_eq!(wrong.to_string(), "its body of version 1 cannot be read: it dreams of nothing");
    }

    #[test]
    fn a_violation_of_version_1_is_read_in_its_parts() {
        let delegation = json!({ "goal": "00000000-0000-0000-0000-000000000000", "number": 1 });
        let old = json!({ "Agent": { "Violation": { "delegation": delegation, "tried": "write: fs.write:etc/a" } } });

        let read = UPCASTERS.upcast("violation", 1, old).and_then(|body| {
            serde_json::from_value::<Event>(body).map_err(|why| NotUpcast::Step { from: 1, why: why.to_string() })
        });

        let Ok(Event::Agent(AgentFact::Violation { tried, .. })) = read else { panic!("{read:?}") };
        assert_eq!((tried.tool.as_str(), tried.needs.as_str()), ("write", "fs.write:etc/a"));
    }

    #[test]
    fn what_a_policy_calls_by_the_same_name_is_left_alone() {
        let fact = json!({ "Agent": { "Policy": { "policy": "sleep", "kind": "dreamt", "body": {} } } });

        assert_eq!(DREAMS.upcast("dreamt", 1, fact.clone()), Ok(fact));
    }
}
