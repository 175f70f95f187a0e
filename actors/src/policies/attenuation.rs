//! Narrows every delegation to what its agent may ever hold.
//!
//! This is the middle of Effective(A -> B) = Caps(B) ∩ Scope(A) ∩ Request: the asker's scope and the request are in the
//! mandate that arrives, Caps(B) is added here, whoever asks and for whatever. That Required ⊆ Effective is checked by
//! the stack, last, on the mandate that all narrowings leave. It never widens: it returns limits, not a mandate.

use bailiwick_protocols::{Delegation, Limits, Permissions, Refusal, Ruling};
use serde_json::json;

use super::{Scene, SupervisorPolicy};

/// Holds Caps(B), the permissions of its own agent.
#[derive(Clone, Debug)]
pub struct Attenuation {
    permissions: Permissions,
}

impl Attenuation {
    /// Narrows to these permissions; none lets the agent hold nothing.
    pub fn new(permissions: Permissions) -> Self {
        Self { permissions }
    }
}

impl SupervisorPolicy for Attenuation {
    fn name(&self) -> &'static str {
        "attenuation"
    }

    fn rule(&self, asked: &Delegation, scene: &Scene<'_>) -> Ruling {
        if !asked.mandate.is_live(scene.now) {
            return Ruling::Refuse(Refusal::MandateExpired);
        }
        let mut limits = Limits::default();
        limits.exercise = Some(self.permissions.clone());
        limits.grant = Some(self.permissions.clone());
        Ruling::Narrow(limits)
    }

    fn settings(&self) -> serde_json::Value {
        json!({ "permissions": self.permissions })
    }

    fn memory(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::{Mandate, Slice};

    use super::*;
    use crate::policies::{
        given::{delegation, scene, second},
        stack::{Stack, StackRuling},
    };

    fn permissions(texts: &[&str]) -> Permissions {
        Permissions::parse(texts).expect("the stories write permissions well")
    }

    fn asked(scope: &[&str], required: &[&str], limits: &Limits) -> Delegation {
        let root = Mandate::root(permissions(scope), Slice::UNLIMITED, None, 4);
        Delegation { mandate: root.hand_on(None, limits), required: permissions(required), ..delegation(1) }
    }

    fn ruling(caps: &[&str], asked: &Delegation) -> StackRuling {
        Stack::new(vec![Box::new(Attenuation::new(permissions(caps)))]).rule(asked, &scene(second(10)))
    }

    #[test]
    fn what_is_effective_is_what_agent_asker_and_request_all_allow() {
        let mut request = Limits::default();
        request.exercise = Some(permissions(&["fs.read:repo/src/*", "net.get:*"]));
        let asked = asked(&["fs.read:repo/*", "net.get:*"], &[], &request);

        let StackRuling::Admit(mandate) = ruling(&["fs.read:*"], &asked) else { panic!("nothing is required") };

        assert_eq!(*mandate.exercise(), permissions(&["fs.read:repo/src/*"]));
        assert_eq!(*mandate.grant(), permissions(&["fs.read:repo/*"]));
        assert!(asked.mandate.bounds(&mandate), "no child mandate exceeds its parent");
    }

    #[test]
    fn what_the_agent_may_not_hold_is_refused_by_name_whoever_asks() {
        let asked = asked(&["fs.write:*"], &["fs.write:out/a"], &Limits::default());

        let ruling = ruling(&["fs.read:*"], &asked);

        let missing = permissions(&["fs.write:out/a"]);
        assert_eq!(ruling, StackRuling::Refuse(Refusal::Unauthorized { missing }));
    }

    #[test]
    fn an_expired_mandate_is_no_mandate() {
        let mut limits = Limits::default();
        limits.expires = Some(second(10));

        let ruling = Attenuation::new(Permissions::none()).rule(&asked(&[], &[], &limits), &scene(second(10)));

        assert_eq!(ruling, Ruling::Refuse(Refusal::MandateExpired));
    }
}
