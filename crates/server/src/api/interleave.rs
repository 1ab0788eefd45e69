//! Two variants in one slate: both run, team draft puts their rankings together.

use ndarray::Axis;
use recommend_core::{
    ComponentError, Degradation, EntityId, Name, Outcome, Query, RunError, RunOptions, Stage,
};
use recommend_experiments::interleaving::{Team, team_draft};

use crate::serving::{Shape, Trial};

/// The variant that put an entity into the slate.
pub(super) type Teams = Vec<(EntityId, Name)>;

/// Runs the two variants of an experiment side by side and drafts a slate from them, by the query's own randomness. When
/// one of them fails, the slate is the other's, nobody is credited for it, and the answer says so.
pub(super) async fn run(
    trial: &Trial,
    query: &Query,
    options: RunOptions,
) -> Result<(Outcome, Teams), RunError> {
    let (Some(shape), [control, treatment]) = (&trial.interleaved, trial.arms.as_slice()) else {
        // Without two arms there is nothing to interleave; the configuration has ruled that out.
        let outcome = trial.arms[0].served.recommender.run(query, options).await?;
        return Ok((outcome, Teams::new()));
    };
    let run = |arm: &'_ crate::serving::Arm| {
        let served = arm.served.clone();
        async move { served.recommender.run(query, options).await }
    };
    let (first, second) = tokio::join!(run(control), run(treatment));
    let (from, mut outcome, error) = match (first, second) {
        (Ok(first), Ok(second)) => {
            let drafted = draft(query, [&first, &second]);
            let name = |team| if team == Team::Control { &control.name } else { &treatment.name };
            let teams = drafted.iter().map(|pick| (pick.entity, name(pick.team).clone())).collect();
            return Ok((merge(shape, [first, second], &drafted), teams));
        }
        (Ok(first), Err(error)) => (0, first, error),
        (Err(error), Ok(second)) => (1, second, error),
        (Err(error), Err(_)) => return Err(error),
    };
    tracing::warn!(%error, experiment = %trial.name, "one of two interleaved variants gave no answer");
    let failed = Degradation {
        stage: Stage::Rerank,
        component: trial.arms[1 - from].name.clone(),
        error: ComponentError::Failed(error.to_string()),
    };
    outcome.report.degraded.push(failed);
    let picks: Vec<Pick> = (0..outcome.items.len())
        .map(|place| Pick { entity: outcome.items[place].entity, team: TEAMS[from], place })
        .collect();
    let mut nothing = outcome.clone();
    nothing.items.clear();
    let both = if from == 0 { [outcome, nothing] } else { [nothing, outcome] };
    Ok((merge(shape, both, &picks), Teams::new()))
}

const TEAMS: [Team; 2] = [Team::Control, Team::Treatment];

/// An entity of the slate, and where its team had it.
struct Pick {
    entity: EntityId,
    team: Team,
    place: usize,
}

fn draft(query: &Query, outcomes: [&Outcome; 2]) -> Vec<Pick> {
    let [control, treatment] =
        outcomes.map(|outcome| outcome.items.iter().map(|item| item.entity).collect::<Vec<_>>());
    let slate = team_draft(&control, &treatment, query.limit, &mut query.rng("interleaving"));
    slate
        .into_iter()
        .filter_map(|(entity, team)| {
            let ranking = if team == Team::Control { &control } else { &treatment };
            let place = ranking.iter().position(|of| *of == entity)?;
            Some(Pick { entity, team, place })
        })
        .collect()
}

/// The slate with the rows that its teams had scored. The report is the control's, with what was degraded in either; the
/// time of each stage is the longer one, because they ran side by side.
fn merge(shape: &Shape, outcomes: [Outcome; 2], picks: &[Pick]) -> Outcome {
    let mut features = shape.rows(picks.len());
    let mut items = Vec::with_capacity(picks.len());
    let mut explained = Vec::new();
    for (at, pick) in picks.iter().enumerate() {
        let from = usize::from(pick.team == Team::Treatment);
        let outcome = &outcomes[from];
        items.push(shape.item(from, outcome.items[pick.place]));
        shape.copy(from, outcome.features.index_axis(Axis(0), pick.place), &mut features, at);
        explained.extend(outcome.explained.get(pick.place).cloned());
    }
    let [control, treatment] = outcomes;
    let mut report = control.report;
    for stage in &mut report.stages {
        if let Some(other) = treatment.report.stage(stage.stage) {
            stage.time = stage.time.max(other.time);
        }
    }
    report.degraded.extend(treatment.report.degraded);
    Outcome { items, features, report, explained, why_not: control.why_not.or(treatment.why_not) }
}
