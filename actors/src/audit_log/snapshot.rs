//! What was folded of a stream, kept so that a start need not fold it again: never the truth, always rebuildable.
//!
//! A snapshot is sealed with a hash over the versions of this crate and of the protocols, the stream, the event it was
//! taken at and what was folded. Another version, another history or one changed byte break the seal, and then the stream
//! is folded from its first event. So a journal may keep it anywhere, lose it, or keep none.

use bailiwick_protocols::{Recorded, Stream};

/// The form of what is written down. It is raised whenever the state of a supervisor or of a policy of this crate takes
/// another shape or meaning; a test holds the shape.
pub const FORM: u32 = 1;

/// What was folded of one stream up to one of its events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The stream.
    pub stream: Stream,
    /// The version of the last event that was folded.
    pub ver: u64,
    /// The form in which it is written: [`FORM`].
    pub form: u32,
    /// The seal, and what was folded.
    pub body: Vec<u8>,
}

/// How many bytes of the body are hashes: the seal, and the mark of the last event.
const HASH: usize = 32;

impl Snapshot {
    /// Seals what was folded of a stream up to this event.
    pub fn seal(last: &Recorded, folded: &[u8]) -> Self {
        let mut this = Self { stream: last.stream.clone(), ver: last.ver, form: FORM, body: vec![0; HASH] };
        this.body.extend(mark(last));
        this.body.extend_from_slice(folded);
        let seal = this.hash();
        this.body[..HASH].copy_from_slice(&seal);
        this
    }

    /// What was folded; `None` if the seal is broken, or of another version or form.
    pub fn folded(&self) -> Option<&[u8]> {
        let is_whole = self.form == FORM && self.body.len() >= 2 * HASH && self.body[..HASH] == self.hash();
        is_whole.then(|| &self.body[2 * HASH..])
    }

    /// Whether this is the event it was taken at: it stands on a history, not on a number.
    pub fn stands_on(&self, last: &Recorded) -> bool {
        self.stream == last.stream && self.ver == last.ver && self.body.get(HASH..2 * HASH) == Some(&mark(last))
    }

    fn hash(&self) -> [u8; HASH] {
        let mut hasher = blake3::Hasher::new();
        for text in [env!("CARGO_PKG_VERSION"), bailiwick_protocols::VERSION, &self.stream.to_string()] {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        }
        hasher.update(&self.ver.to_le_bytes()).update(&self.form.to_le_bytes());
        hasher.update(self.body.get(HASH..).unwrap_or_default());
        hasher.finalize().into()
    }
}

/// Tells an event from any other that could stand in its place: where, when, and what.
fn mark(event: &Recorded) -> [u8; HASH] {
    let mut hasher = blake3::Hasher::new();
    for number in [event.seq, event.ver, event.at.as_millis()] {
        hasher.update(&number.to_le_bytes());
    }
    hasher.update(event.event.kind().as_bytes());
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{AgentFact, Event, Timestamp};

    use super::*;

    fn noted(ver: u64, at: u64) -> Recorded {
        let stream = Stream::Agent { team: "team".into(), agent: "ada".into(), generation: 0 };
        let event = Event::Agent(AgentFact::Noted { what: "note".to_owned() });
        Recorded { seq: ver * 2, stream, ver, at: Timestamp::from_millis(at), cause: None, trace: None, event }
    }

    #[test]
    fn one_byte_of_a_snapshot_is_enough_to_be_found_out() {
        let whole = Snapshot::seal(&noted(7, 70), b"what ada knows");
        assert_eq!(whole.folded(), Some(&b"what ada knows"[..]));

        for place in 0..whole.body.len() {
            let mut flipped = whole.clone();
            flipped.body[place] ^= 1;
            assert_eq!(flipped.folded(), None, "byte {place}");
        }
        let cut = |length: usize| Snapshot { body: whole.body[..length].to_vec(), ..whole.clone() };
        assert!((0..whole.body.len()).all(|length| cut(length).folded().is_none()));
    }

    #[test]
    fn what_was_folded_elsewhere_in_another_form_or_of_another_history_is_not_taken() {
        let whole = Snapshot::seal(&noted(7, 70), b"what ada knows");
        let other = Stream::Agent { team: "team".into(), agent: "bo".into(), generation: 0 };

        assert_eq!(Snapshot { ver: 8, ..whole.clone() }.folded(), None);
        assert_eq!(Snapshot { stream: other, ..whole.clone() }.folded(), None);
        assert_eq!(Snapshot { form: FORM + 1, ..whole.clone() }.folded(), None);
        assert!(whole.stands_on(&noted(7, 70)));
        assert!(!whole.stands_on(&noted(7, 71)) && !whole.stands_on(&noted(8, 70)));
    }
}
