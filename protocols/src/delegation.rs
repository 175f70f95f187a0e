//! One asking of one agent: the task, the authority that travels with it, and where it came from.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    AgentName, Brief, Capability, Contract, DelegationId, Effects, Mandate, Permissions, Reversibility, TaskId,
    time::millis,
};

/// A W3C trace context as integers: which trace, and which span the receiver is a child of.
///
/// Readable formats see the text of the header: a JSON number does not hold 128 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Traceparent {
    /// The trace, never 0.
    pub trace: u128,
    /// The parent span, never 0.
    pub span: u64,
    /// The flags; bit 0 is *sampled*.
    pub flags: u8,
}

impl Traceparent {
    /// Reads `00-<32 hex>-<16 hex>-<2 hex>`; `None` if it is anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, len: usize| {
            text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        if !hex(version, 2)
            || version == "ff"
            || !hex(trace, 32)
            || !hex(span, 16)
            || !hex(flags, 2)
            || (version == "00" && parts.next().is_some())
        {
            return None;
        }
        let this = Self {
            trace: u128::from_str_radix(trace, 16).ok()?,
            span: u64::from_str_radix(span, 16).ok()?,
            flags: u8::from_str_radix(flags, 16).ok()?,
        };
        (this.trace != 0 && this.span != 0).then_some(this)
    }

    /// A span of this trace, numbered within it: the same number gives the same span, in every life of the process.
    pub fn child(self, number: u64) -> Self {
        // SplitMix64 over the parent span and the number: well spread, and nobody has to remember it.
        let mut z = self.span ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self { span: (z ^ (z >> 31)).max(1), ..self }
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Debug for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Traceparent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            (self.trace, self.span, self.flags).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Traceparent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            Self::parse(&text).ok_or_else(|| D::Error::custom(format_args!("`{text}` is not a traceparent")))
        } else {
            let (trace, span, flags) = Deserialize::deserialize(deserializer)?;
            Ok(Self { trace, span, flags })
        }
    }
}

/// One asking of one agent. Serde data: it can cross a seat, a journal and a process.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Delegation {
    /// Never used again.
    pub id: DelegationId,
    /// The task it is for.
    pub task: TaskId,
    /// Who is asked.
    pub agent: AgentName,
    /// Counted 1.. per task over all agents.
    pub attempt: u32,
    /// Whether this agent is asked again for the same task: it costs a retry token.
    pub retry: bool,
    /// What the agent is told.
    pub brief: Arc<Brief>,
    /// What counts as done.
    pub contract: Arc<Contract>,
    /// Capabilities the task requires: credited or blamed by the verdict.
    pub needs: Arc<[Capability]>,
    /// Permissions without which it does not start.
    pub required: Permissions,
    /// The authority that travels with it.
    pub mandate: Mandate,
    /// 1..=5, the weight of the goal where room is short.
    pub priority: u8,
    /// 1..=5; from 4 on a failure weighs twice and a trip revokes it.
    pub criticality: u8,
    /// Whether it can be undone.
    pub reversibility: Reversibility,
    /// What running twice would do.
    pub effects: Effects,
    /// The time the attempt may take, counted from the seat.
    #[serde(with = "millis")]
    pub timeout: Duration,
    /// The delegation whose agent asked for it; `None` when the goal itself did.
    pub parent: Option<DelegationId>,
    /// The agents already waiting in this chain, outermost first.
    pub lineage: Arc<[AgentName]>,
    /// Stable over attempts: an outside effect done under it is done.
    pub idempotency_key: Arc<str>,
    /// Its span's parent in the trace.
    pub traceparent: Traceparent,
}

impl Delegation {
    /// Whether the agent is asked as a judge: no contract, no lesson, and nothing in its favour for answering.
    pub fn is_judgement(&self) -> bool {
        self.task.is_judgement()
    }
}
