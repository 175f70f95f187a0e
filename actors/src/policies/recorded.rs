//! The default policies as a journal tells of them: made of the settings that a `Stack` fact recorded, for whoever folds a
//! stream without the team.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    SupervisorPolicy, admission::Admission, attenuation::Attenuation, budget::Budget, circuit_breaker::CircuitBreaker,
    deadline::Deadline, lineage::Lineage, restart::RestartPolicy, threads::ThreadsLeft,
};

/// Makes each policy whose name is known here; those of a team's own are left out: their code is elsewhere.
pub fn recorded_stack(policies: &[String], settings: &Value) -> Vec<Box<dyn SupervisorPolicy>> {
    policies.iter().filter_map(|name| recorded(name, &settings[name])).collect()
}

fn recorded(name: &str, settings: &Value) -> Option<Box<dyn SupervisorPolicy>> {
    Some(match name {
        "deadline" => Box::new(Deadline),
        "lineage" => Box::new(Lineage::new(read(&settings["exclusive"])?)),
        "circuit_breaker" => Box::new(CircuitBreaker::recorded(settings)?),
        "admission" => Box::new(Admission::new(read(settings)?)),
        "attenuation" => Box::new(Attenuation::new(read(&settings["permissions"])?)),
        "budget" => Box::new(Budget::default()),
        "restart" => Box::new(RestartPolicy::new(read(settings)?)),
        "threads" => Box::new(ThreadsLeft::default()),
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(settings: &Value) -> Option<T> {
    T::deserialize(settings).ok()
}

#[cfg(test)]
mod tests {
    use bailiwick_protocols::Output;

    use super::*;
    use crate::{
        agents::agent_blocking,
        policies::{PolicySettings, default_stack, stack::Stack},
    };

    #[test]
    fn every_default_policy_is_made_again_of_what_was_recorded_of_it() {
        let spec = agent_blocking("ada", ["search"], |_| Ok(Output::text("3 sources"))).exclusive();
        let mut settings = PolicySettings::default();
        settings.breaker.failures_in_row = 7;
        let stack = Stack::new(default_stack(&spec, &settings));

        let again = Stack::new(recorded_stack(&stack.names(), &stack.settings()));

        assert_eq!((again.names(), again.settings()), (stack.names(), stack.settings()));
        assert_eq!(stack.names().len(), 8);
    }
}
