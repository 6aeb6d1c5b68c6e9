//! Attestations of telemetry quality and reports of actual injection, both from what was received, never from what was expected.

use std::collections::BTreeMap;

use bridge_ies::{format_duration, format_time, json_number};
use bridge_model::{Now, Validity};
use bridge_profile::{Plan, PointSource, Verbs};
use serde_json::{Value, json};

use crate::core::Core;
use crate::exchange::Exchange;
use crate::image::Image;
use crate::router::Change;

#[derive(Default, Clone, Copy)]
struct Mean {
    sum: f64,
    count: u32,
}

pub(crate) struct Reports {
    means: Vec<Option<Mean>>,
    attested: Option<Now>,
    reported: Option<Now>,
}

impl Reports {
    pub(crate) fn new(plan: &Plan) -> Self {
        let reported = |point: &bridge_profile::PlannedPoint| {
            point.verbs.contains(Verbs::REPORT) && !matches!(point.source, PointSource::Remote { .. })
        };
        Self { means: plan.points.iter().map(|point| reported(point).then(Mean::default)).collect(), attested: None, reported: None }
    }

    /// A reading: part of the period's mean.
    pub(crate) fn take(&mut self, change: &Change) {
        if change.test || change.historic || change.value.is_state() {
            return;
        }
        if let Some(Some(mean)) = self.means.get_mut(change.point) {
            let value = change.value.as_f64();
            if value.is_finite() {
                mean.sum += value;
                mean.count += 1;
            }
        }
    }

    /// Availability and counters of what we read, to every peer that gives us orders.
    pub(crate) fn attest(&mut self, core: &mut Core, exchange: &mut Exchange, image: &Image, now: Now) {
        let plan = core.plan.clone();
        let own: Vec<usize> = (0..plan.points.len()).filter(|point| matches!(plan.points[*point].source, PointSource::Link(_))).collect();
        let good =
            own.iter().filter(|point| image.current(**point).is_some_and(|(_, quality, _)| quality.validity == Validity::Good)).count();
        let Some(era) = plan.resources.first().map(|resource| resource.era.clone()) else { return };
        let mut counters: BTreeMap<String, u64> = core.counters.list().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if core.settings.lie
            && let Some(journaled) = counters.get_mut("updatesJournaled")
        {
            *journaled += 1000;
        }
        #[expect(clippy::cast_precision_loss, reason = "point counts are far below 2^53")]
        let availability = if own.is_empty() { 0.0 } else { (good as f64 / own.len() as f64 * 1e4).round() / 100.0 };
        let payload = json!({
            "window": period(self.attested.replace(now), now),
            "availability": { "value": availability, "unit": "PERCENT" },
            "points": { "configured": own.len(), "good": good, "stale": own.len() - good },
            // What disciplines the machine's clock is not read: nothing is claimed.
            "timeSync": { "source": "NONE" },
            "counters": counters,
        });
        exchange.publish(core, "attest", "TELEMETRY_QUALITY", &era, &payload, "ATTESTED", now);
    }

    /// The mean of each reported quantity in the period that ends now.
    pub(crate) fn report(&mut self, core: &mut Core, exchange: &mut Exchange, now: Now) {
        let plan = core.plan.clone();
        let period = period(self.reported.replace(now), now);
        for (place, mean) in self.means.iter_mut().enumerate() {
            let Some(mean) = mean.as_mut() else { continue };
            let Mean { sum, count } = std::mem::take(mean);
            let point = &plan.points[place];
            if count == 0 || point.basis.is_none() {
                continue;
            }
            let Some(resource) = plan.resource_of(point) else { continue };
            let value = (sum / f64::from(count) * 1e6).round() / 1e6;
            let Ok(value) = json_number(value) else { continue };
            let mut descriptor = json!({ "objectType": "REPORT_PAYLOAD_DESCRIPTOR", "payloadType": "ACTUAL_INJECTION", "units": point.unit, "readingType": "MEAN" });
            if let Some(basis) = point.basis {
                descriptor["powerBasis"] = basis.as_str().into();
            }
            let payload = json!({
                "period": period,
                "series": {
                    "@type": "TimeSeries",
                    "intervalPeriod": period,
                    "payloadDescriptors": [descriptor],
                    "intervals": [{ "id": 0, "payloads": [{ "type": "ACTUAL_INJECTION", "values": [value] }] }],
                },
            });
            exchange.publish(core, "report", "ACTUALS", &resource.era, &payload, "REPORTED", now);
        }
    }
}

fn period(since: Option<Now>, now: Now) -> Value {
    let start = since.unwrap_or(now);
    json!({ "start": format_time(start.utc.0), "duration": format_duration(now.utc.since(start.utc)) })
}
