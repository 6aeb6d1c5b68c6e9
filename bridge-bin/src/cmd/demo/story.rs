//! The story, step by step; each step says what must be seen and in which time, and what was seen if it was not.

mod park;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::anyhow;
use bridge_engine::{DispatchMode, REASONS};
use bridge_profile::{Plan, ServedSource, StatusKind};
use bridge_sim::{Dispatch, Entry, EntryKind, still_good};
use serde_json::Value;

use super::cast::{Actor, Cast};
use super::folder::{Folder, Party, SILENCE, Tempo};
use super::ledgers::{Ledger, is_stamped, shown_points};
use super::teller::Teller;
use super::wide_area::WideArea;
use crate::control::{Ask, SOCKET, ask};

/// How often everyone is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long anything that is not timed by a rule may take.
const SOON: Duration = Duration::from_secs(10);
/// How long the links may take to come up, at first and after a fault.
const LINK_UP: Duration = Duration::from_secs(25);
/// What is kept for the orderly end and the judgement.
const CURTAIN: Duration = Duration::from_secs(6);
/// From the link's loss counting as detected until no value may be shown as good (R19).
const MARK_WITHIN: Duration = Duration::from_secs(1);
/// How much later the sabotaged station executes, and a little more.
const LATER: Duration = Duration::from_secs(34);

/// The states of a set-point command as the EMS's status point shows them.
const COMPLETED: f64 = 4.0;
const REJECTED: f64 = 5.0;
const PARTIAL: f64 = 6.0;
const EXPIRED: f64 = 8.0;
const SUPERSEDED: f64 = 10.0;

/// The control that most of the story is about.
const U1: &str = "U1.p_set";

/// What unit 2 goes through while nobody can see it: point and value, in order.
const TRIP: [(&str, u8); 10] = [
    ("U2.buchholz", 1),
    ("U2.trip", 1),
    // The breaker is opened by the plant's own model.
    ("U2.cb", 1),
    ("U2.turbine", 1),
    ("U2.mft", 1),
    ("U2.bfp_b", 1),
    ("U2.buchholz", 0),
    ("U2.id_fan", 1),
    ("U2.id_fan", 0),
    ("U2.bfp_b", 0),
];

/// What the story's end is told by.
pub(super) struct Story<'a> {
    pub(super) cast: Cast,
    folder: &'a Folder,
    link: &'a WideArea,
    tempo: Tempo,
    /// When the last scene must be over, seconds since the beginning.
    last: f64,
    teller: &'a Arc<Teller>,
    interrupted: &'a Arc<AtomicBool>,
    pub(super) station: Ledger,
    pub(super) ems: Ledger,
    pub(super) park: Ledger,
    pub(super) re_ems: Ledger,
    /// Names of the points that the two EMSs are shown.
    points: [Vec<String>; 2],
    /// Set-points of the park that its EMS was answered by status 0, and when (UTC nanoseconds).
    pub(super) answered_at_park: Vec<(String, f64, i64)>,
    /// Each step that was not as told.
    pub(super) unexpected: Vec<String>,
    /// How many checks held.
    pub(super) held: u32,
    /// Links that were up before the orderly stop.
    pub(super) links_up: u64,
    /// Dispatches that no EMS sent.
    pub(super) elsewhere: Vec<Dispatch>,
    /// The operation of the park's curtailment.
    curtailment: String,
}

type Told<T> = Result<T, String>;

/// A command of an EMS.
struct Order {
    ems: Actor,
    id: String,
    control: String,
    target: f64,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        cast: Cast,
        (folder, link): (&'a Folder, &'a WideArea),
        (tempo, seconds): (Tempo, u32),
        teller: &'a Arc<Teller>,
        interrupted: &'a Arc<AtomicBool>,
    ) -> Self {
        Self {
            cast,
            folder,
            link,
            tempo,
            last: f64::from(seconds) - CURTAIN.as_secs_f64(),
            teller,
            interrupted,
            station: Ledger::new(folder.ledger("rtu")),
            ems: Ledger::new(folder.ledger("ems")),
            park: Ledger::new(folder.ledger("park")),
            re_ems: Ledger::new(folder.ledger("re_ems")),
            points: [&folder.gateway, &folder.park_gateway].map(|gateway| shown_points(gateway).into_iter().map(|(_, ems)| ems).collect()),
            answered_at_park: Vec::new(),
            unexpected: Vec::new(),
            held: 0,
            links_up: 0,
            elsewhere: Vec::new(),
            curtailment: String::new(),
        }
    }

    /// Tells it. With `late`, the station is known to execute late, and its execution is waited for.
    pub(super) fn play(&mut self, late: bool) {
        if let Err(unmet) = self.scenes() {
            self.miss(unmet);
            self.teller.tell("demo", "the story ends here; what happened so far is judged");
            // The link is whole again for the end.
            self.link.heal();
            if late && !self.interrupted.load(Ordering::Relaxed) {
                self.teller.tell("demo", "waits for what the station still does");
                let executed = self.until("an execution at the station", LATER, |story| (story.executions() > 0).then_some(()));
                drop(executed);
            }
        }
        if let Err(unmet) = self.curtain() {
            self.miss(unmet);
        }
    }

    fn scenes(&mut self) -> Told<()> {
        self.links()?;
        self.normal_order()?;
        self.park()?;
        self.link_cut()?;
        self.killed()?;
        self.refusals()?;
        self.last_order()
    }

    /// Step 1, first half: everybody is there and the EMS holds the station's image for good.
    fn links(&mut self) -> Told<()> {
        self.said(Actor::Genco, "interrogation ended", 0, LINK_UP)?;
        self.said(Actor::Sldc, "image read", 0, LINK_UP)?;
        self.all_good(LINK_UP)?;
        let [station, park] = self.points.each_ref().map(Vec::len);
        self.hold(&format!("the EMS shows all {station} values of the station as good, the park's EMS all {park} of the park"));
        self.change("U1.bfp_b", 1)?;
        self.change("U1.pa_fan", 1)?;
        let from = 0;
        self.until("two changes of state at the EMS", SOON, |story| {
            let seen = story.ems.entries().iter().skip(from).filter(|entry| is_stamped(entry)).count();
            (seen >= 2).then_some(())
        })?;
        self.hold("two changes of state reached the EMS with the station's own time");
        Ok(())
    }

    /// Step 1: ACT CON, select, execute, echo, ACT TERM, ramp with progress, followed.
    fn normal_order(&mut self) -> Told<()> {
        self.teller.chapter("2. the EMS orders U1 to 210 MW");
        let order = self.completed(210.0)?;
        let progress = self.status_of(U1, StatusKind::TimeLeft);
        let values: Vec<f64> = self.entries_of(&progress).filter_map(|entry| entry.value).filter(|left| *left > 0.0).collect();
        if values.len() < 3 {
            return Err(format!("expected progress on {progress} while U1 ramps, saw {} values", values.len()));
        }
        self.hold(&format!(
            "U1 followed to {} MW: select, execute, echo, ACT CON, ACT TERM, {} reports of progress",
            order.target,
            values.len()
        ));
        Ok(())
    }

    /// Step 3: the wide-area link is cut in mid-ramp and healed.
    fn link_cut(&mut self) -> Told<()> {
        self.teller.chapter("4. the wide-area link is cut in mid-ramp");
        let (order, mark) = self.ramping(12.0)?;
        let before = self.executions();
        self.link.cut();
        let cut = self.cast.clock.now();
        self.teller.tell("demo", "cuts the wide-area link: nothing passes, nobody is told");
        self.said(Actor::Genco, "U1.p_set holds", mark, SILENCE + 2 * MARK_WITHIN)?;
        let (held_at, steps) = (self.setpoint(), self.executions());
        self.hold(&format!("U1 holds at {held_at:.1} MW, {} steps after the cut", steps - before));

        let stated = SILENCE + MARK_WITHIN;
        self.sleep((cut.mono + stated).since(self.cast.clock.now().mono))?;
        // One more look, so that what was written at the last moment is read.
        self.sleep(2 * LOOK)?;
        let good = self.still_good((cut.utc + stated).0);
        if good.is_empty() {
            self.hold(&format!("{} s after the cut no EMS shows a value as topical", stated.as_secs()));
        } else {
            self.miss(format!(
                "expected every value NT {} s after the cut, saw {} still good: {}",
                stated.as_secs(),
                good.len(),
                good.join(", ")
            ));
        }
        let again = self.order("U1", order.target)?;
        self.refused(&again, "PEER_DOWN")?;
        self.hold("the EMS sends it again and is refused");

        let first = self.events_at(true).len();
        for (point, value) in TRIP {
            if point == "U2.cb" {
                self.say(Actor::Station, "open U2")?;
            } else {
                self.change(point, value)?;
            }
            self.sleep(Duration::from_millis(30))?;
        }
        self.pause(0.6)?;
        self.untouched(steps, "while U1 holds");
        let mark = self.cast.mark();
        self.link.heal();
        self.teller.tell("demo", "heals the wide-area link");
        self.said(Actor::Sldc, "image read", mark, LINK_UP)?;
        self.sequence_of_events(first)?;
        self.all_good(SOON)?;
        self.status(U1, PARTIAL, Some("ISSUER_LOST"))?;
        self.said(Actor::Sldc, "alarm from genco", mark, SOON)?;
        let alarms = self.cast.all_said(Actor::Genco, "ALARM", 0);
        if alarms.len() == 1 && alarms.iter().all(|alarm| alarm.contains("U2.trip")) {
            self.hold("one alarm, U2's trip, and no false one");
        } else {
            self.miss(format!("expected one alarm, U2's trip, saw {alarms:?}"));
        }
        Ok(())
    }

    /// What happened at U2 in the dark arrives once, in order, with the station's stamps.
    fn sequence_of_events(&mut self, first: usize) -> Told<()> {
        let made: Vec<(String, Option<f64>, Option<i64>)> = self.events_at(true).split_off(first);
        if made.len() != TRIP.len() {
            return Err(format!("expected {} changes at the station, saw {}", TRIP.len(), made.len()));
        }
        let arrived = self.until("the station's changes at the EMS", SOON, |story| {
            let seen = story.events_at(false);
            let seen: Vec<_> = seen.into_iter().filter(|event| event.2 >= made.first().and_then(|event| event.2)).collect();
            (seen == made).then_some(seen.len())
        });
        match arrived {
            Ok(count) => {
                self.hold(&format!("all {count} changes of the dark time arrived at the EMS once, in order, with the station's stamps"))
            }
            // Told by the ledgers too: the story goes on.
            Err(unmet) => self.miss(unmet),
        }
        Ok(())
    }

    /// Step 5: `kill -9` of the plant's bridge in mid-ramp.
    fn killed(&mut self) -> Told<()> {
        self.teller.chapter("5. kill -9 of the plant's bridge in mid-ramp");
        let (_, mark) = self.ramping(-10.0)?;
        // Between two steps: a command that is out when the bridge dies is UNCERTAIN, which is another story.
        let taken = |story: &mut Self| (story.cast.all_said(Actor::Genco, "U1.p_set: plant took", mark).len() >= 2).then_some(());
        self.until("two steps taken, by the genco bridge's word", SOON, taken)?;
        self.sleep(Duration::from_millis(200))?;
        self.cast.kill(Actor::Genco).map_err(|error| format!("{error:#}"))?;
        self.teller.tell("demo", "kill -9 of the genco bridge");
        // What had left the bridge may still arrive.
        self.sleep(Duration::from_millis(300))?;
        let (steps, set, at_park) = (self.executions(), self.setpoint(), self.park_executions());
        self.pause(1.5)?;
        let mark = self.cast.mark();
        self.start(Actor::Genco)?;
        self.teller.tell("demo", "starts the genco bridge again");
        self.said(Actor::Genco, "HOLD", mark, LINK_UP)?;
        self.said(Actor::Genco, "interrogation ended", mark, LINK_UP)?;
        self.said(Actor::Sldc, "image read", mark, LINK_UP)?;
        self.all_good(SOON)?;
        self.status(U1, PARTIAL, Some("RESTART"))?;
        if self.untouched(steps, "after the kill") {
            self.hold(&format!("nothing moved at the station; the bridge came back in HOLD at {set:.1} MW"));
        }
        self.still_curtailed(at_park);
        Ok(())
    }

    /// Above Pmax, not authorised, too old.
    fn refusals(&mut self) -> Told<()> {
        self.teller.chapter("6. what must be refused");
        let steps = self.executions();
        let order = self.order("U1", 260.0)?;
        self.refused(&order, "ABOVE_MAX")?;
        self.status(U1, REJECTED, Some("ABOVE_MAX"))?;
        self.hold("260 MW is above U1's 250 MW: refused");
        let order = self.order("U2", 200.0)?;
        self.refused(&order, "NOT_AUTHORISED")?;
        self.hold("the trust bundle gives nobody authority over U2: refused");
        self.link.cut();
        self.teller.tell("demo", "holds the wide-area link back for a moment");
        let (target, mark) = (self.setpoint() + 5.0, self.cast.mark());
        let issued = self.cast.clock.now().utc;
        let wish = Ask::Dispatch {
            control: "U1.p_set".to_owned(),
            target,
            ramp: None,
            mode: DispatchMode::Direct,
            valid_for_s: 1,
            operator_ref: "sldc:shift-engineer".to_owned(),
            instruction_code: "DEMO-OLD".to_owned(),
        };
        self.ask(Party::Sldc, &wish)?;
        self.teller.tell("sldc desk", &format!("orders U1 to {target:.1} MW by telephone instruction DEMO-OLD, good for 1 s"));
        let not_after = (issued + Duration::from_secs(1)).0;
        self.elsewhere.push(Dispatch { control: "U1.p_set".to_owned(), target, issued: issued.0, not_after });
        self.sleep(Duration::from_millis(1300))?;
        self.link.heal();
        self.said(Actor::Sldc, "EXPIRED", mark, SOON)?;
        self.status(U1, EXPIRED, None)?;
        self.hold("an order that came too late is not carried out");
        self.untouched(steps, "for refused orders");
        Ok(())
    }

    fn last_order(&mut self) -> Told<()> {
        self.teller.chapter("7. the park's curtailment is lifted, and a good order again");
        let stood = self.lift()?;
        let target = (self.setpoint() - 3.0 * self.tempo.step()).round();
        let order = self.completed(target)?;
        self.hold(&format!("U1 followed to {} MW", order.target));
        self.lifted(stood)
    }

    /// The orderly end: counts, then EMSs, bridges, stations.
    fn curtain(&mut self) -> Told<()> {
        self.teller.chapter("8. orderly stop, offline verification, ledgers compared");
        // The last values of the station reach the EMS.
        thread::sleep(Duration::from_secs(1));
        let mut up = 0;
        let started = |status: &Value| {
            let links = status["links"].as_array().into_iter().flatten().filter(|link| link["started"] == true).count();
            let heard = status["peers"].as_array().into_iter().flatten().filter(|peer| peer["heard"] == true).count();
            (links + heard) as u64
        };
        let mut unmet = Vec::new();
        for party in [Party::Genco, Party::Sldc] {
            match self.ask(party, &Ask::Status) {
                Ok(status) => up += started(&status),
                Err(error) => unmet.push(error),
            }
        }
        self.links_up = up;
        if up != 5 {
            unmet.push(format!("expected 5 links up at the end (station, park, wide area, two EMSs), saw {up}"));
        }
        for who in [Actor::Ems, Actor::ReEms, Actor::Sldc, Actor::Genco, Actor::Station, Actor::Park] {
            if let Err(error) = self.cast.stop(who) {
                unmet.push(format!("{error:#}"));
            }
        }
        if unmet.is_empty() { Ok(()) } else { Err(unmet.join("; ")) }
    }

    /// An order that is carried out to its end.
    fn completed(&mut self, target: f64) -> Told<Order> {
        let (station, mark) = (self.station.entries().len(), self.cast.mark());
        let ramp = Duration::from_secs_f64((target - self.setpoint()).abs() / self.tempo.step());
        let order = self.order("U1", target)?;
        self.phase(&order, EntryKind::Confirmed, "ACT CON")?;
        self.phase(&order, EntryKind::Terminated, "ACT TERM")?;
        // ACT TERM means that the plant took the target, not that it is reached (R15).
        let told: Vec<(EntryKind, i64)> = self.station.entries().iter().skip(station).map(|entry| (entry.kind, entry.t)).collect();
        let at = |kind: EntryKind| told.iter().find(|(known, _)| *known == kind).map(|(_, t)| *t);
        let ended = self.phase(&order, EntryKind::Terminated, "ACT TERM")?;
        match (at(EntryKind::Select), at(EntryKind::Execute)) {
            (Some(select), Some(execute)) if select <= execute && execute <= ended => {}
            (select, execute) => {
                return Err(format!(
                    "expected select, execute at the station and then ACT TERM, saw select {select:?}, execute {execute:?}, ACT TERM {ended}"
                ));
            }
        }
        self.said(Actor::Sldc, "EXECUTION COMPLETED", mark, ramp + SOON)?;
        self.status(U1, COMPLETED, None)?;
        Ok(order)
    }

    /// An order that takes so many steps (down if negative) and whose ramp has begun: two steps were taken by the plant. Gives where to
    /// listen on.
    fn ramping(&mut self, ahead: f64) -> Told<(Order, usize)> {
        let target = self.setpoint() + ahead * self.tempo.step();
        let (steps, mark) = (self.executions(), self.cast.mark());
        let order = self.order("U1", target.round())?;
        self.phase(&order, EntryKind::Terminated, "ACT TERM")?;
        self.until("two steps of the ramp", SOON, |story| (story.executions() >= steps + 2).then_some(()))?;
        Ok((order, mark))
    }

    fn order(&mut self, unit: &str, target: f64) -> Told<Order> {
        let ems = if unit == "plant" { Actor::ReEms } else { Actor::Ems };
        let from = self.seen_by(ems).len();
        let control = format!("{unit}.p_set");
        self.say(ems, &format!("set {unit} {target}"))?;
        let id = self.until("the command in the EMS's ledger", SOON, |story| {
            let mut entries = story.seen_by(ems).iter().skip(from);
            entries.find(|entry| entry.kind == EntryKind::Command && entry.point == control).and_then(|entry| entry.id.clone())
        })?;
        Ok(Order { ems, id, control, target })
    }

    /// When the EMS saw this phase of its command.
    fn phase(&mut self, order: &Order, kind: EntryKind, word: &str) -> Told<i64> {
        let what = format!("{word} for {} to {} MW", order.control, order.target);
        self.until(&what, SOON, |story| {
            let mut entries = story.seen_by(order.ems).iter();
            entries.find(|entry| entry.kind == kind && entry.id.as_ref() == Some(&order.id)).map(|entry| entry.t)
        })
    }

    /// The EMS's command is refused, and it is told why.
    fn refused(&mut self, order: &Order, code: &str) -> Told<()> {
        let what = format!("a negative answer for {} to {} MW", order.control, order.target);
        let text = self.until(&what, SOON, |story| {
            let mut entries = story.seen_by(order.ems).iter();
            let settled = entries.find(|entry| entry.kind == EntryKind::Settled && entry.id.as_ref() == Some(&order.id))?;
            settled.text.clone()
        })?;
        if !text.starts_with("refused") {
            return Err(format!("expected {what}, saw it settled as {text}"));
        }
        let number = reason_number(code);
        let reason = self.status_of(&order.control, StatusKind::Reason);
        self.until(&format!("reason {code} on {reason}"), SOON, |story| {
            let value = story.entries_of(&reason).last().and_then(|entry| entry.value);
            (value == Some(number)).then_some(())
        })
    }

    /// The EMS's status points of a control show this state, and this reason.
    fn status(&mut self, control: &str, state: f64, code: Option<&str>) -> Told<()> {
        let (shown, reason) = (self.status_of(control, StatusKind::State), self.status_of(control, StatusKind::Reason));
        let number = code.map(reason_number);
        let what = format!("state {state} and reason {} on the EMS's status points of {control}", code.unwrap_or("of any kind"));
        self.until(&what, SOON, |story| {
            let last = |story: &mut Self, id: &str| story.entries_of(id).last().and_then(|entry| entry.value);
            let fits = last(story, &shown) == Some(state) && number.is_none_or(|number| last(story, &reason) == Some(number));
            fits.then_some(())
        })
    }

    fn status_of(&self, control: &str, what: StatusKind) -> String {
        let mut gateways = [&self.folder.gateway, &self.folder.park_gateway].into_iter();
        gateways.find_map(|gateway| status_point(gateway, control, what)).unwrap_or_default()
    }

    /// What an EMS saw of a point; the two have no point in common.
    fn entries_of<'b>(&'b mut self, point: &'b str) -> impl DoubleEndedIterator<Item = &'b Entry> {
        self.ems.entries().iter().chain(self.re_ems.entries()).filter(move |entry| entry.point == point)
    }

    /// What an EMS has written down.
    fn seen_by(&mut self, ems: Actor) -> &[Entry] {
        if ems == Actor::ReEms { self.re_ems.entries() } else { self.ems.entries() }
    }

    /// Every value of the station and of the park is shown as good by its EMS.
    fn all_good(&mut self, within: Duration) -> Told<()> {
        let count: usize = self.points.iter().map(Vec::len).sum();
        self.until("every value good at both EMSs", within, |story| (story.still_good(i64::MAX).len() == count).then_some(()))
    }

    /// What the two EMSs hold for good at this moment, UTC nanoseconds.
    fn still_good(&mut self, at: i64) -> Vec<String> {
        let ledgers = [self.ems.entries(), self.re_ems.entries()];
        let good = ledgers.into_iter().zip(&self.points).flat_map(|(entries, points)| {
            let names: Vec<&str> = points.iter().map(String::as_str).collect();
            still_good(entries, &names, at)
        });
        good.collect()
    }

    /// The time-tagged changes of the station as it made them, or as the EMS saw them: point, value, stamp.
    fn events_at(&mut self, station: bool) -> Vec<(String, Option<f64>, Option<i64>)> {
        let entries = if station { self.station.entries() } else { self.ems.entries() };
        let events = entries.iter().filter(|entry| if station { entry.kind == EntryKind::Event } else { is_stamped(entry) });
        events.map(|entry| (entry.point.clone(), entry.value, entry.stamp)).collect()
    }

    /// Set-points that the station executed at U1.
    fn executions(&mut self) -> usize {
        self.station.entries().iter().filter(|entry| entry.kind == EntryKind::Execute).count()
    }

    /// The station executed nothing more since it had executed `steps`.
    fn untouched(&mut self, steps: usize, when: &str) -> bool {
        let more = self.executions() - steps;
        if more > 0 {
            self.miss(format!("expected no set-point at the station {when}, saw {more}"));
        }
        more == 0
    }

    /// The set-point of U1 at the station.
    fn setpoint(&mut self) -> f64 {
        let mut entries = self.station.entries().iter().rev();
        let echo = entries.find(|entry| entry.kind == EntryKind::Change && entry.point == "U1.p_echo");
        echo.and_then(|entry| entry.value).unwrap_or(200.0)
    }

    fn change(&mut self, point: &str, value: u8) -> Told<()> {
        self.say(Actor::Station, &format!("change {point} {value}"))
    }

    fn say(&mut self, who: Actor, line: &str) -> Told<()> {
        self.cast.say(who, line).map_err(|error| format!("{error:#}"))
    }

    fn start(&mut self, who: Actor) -> Told<()> {
        self.cast.start(self.folder, who).map_err(|error| format!("{error:#}"))
    }

    fn ask(&self, party: Party, wish: &Ask) -> Told<Value> {
        let socket: PathBuf = self.folder.of(party).join("data").join(SOCKET);
        let answer = ask(&socket, wish).map_err(|error| error.to_string())?;
        match answer["error"].as_str() {
            Some(error) => Err(format!("the {} bridge says: {error}", party.name())),
            None => Ok(answer),
        }
    }

    fn said(&mut self, who: Actor, part: &str, mark: usize, within: Duration) -> Told<String> {
        self.until(&format!("“{part}” from the {}", who.name()), within, |story| story.cast.said(who, part, mark))
    }

    /// Waits for something to be seen.
    fn until<T>(&mut self, what: &str, within: Duration, mut probe: impl FnMut(&mut Self) -> Option<T>) -> Told<T> {
        let deadline = self.cast.clock.now().mono + within;
        loop {
            let late = self.cast.clock.now().mono >= deadline;
            if let Some(seen) = probe(self) {
                return Ok(seen);
            }
            self.well()?;
            if late {
                return Err(format!("expected {what} within {:.0} s, did not see it", within.as_secs_f64()));
            }
            thread::sleep(LOOK);
        }
    }

    /// Nobody stopped the demonstration and nobody fell over.
    fn well(&mut self) -> Told<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err("the demonstration was interrupted".to_owned());
        }
        if self.teller.seconds() > self.last {
            return Err("expected the story to end in time, it did not (--seconds)".to_owned());
        }
        match self.cast.fallen() {
            Some(who) => Err(anyhow!("expected the {} to run, it ended by itself; its log says why", who.name()).to_string()),
            None => Ok(()),
        }
    }

    /// A pause of this many seconds at the quickest.
    fn pause(&mut self, seconds: f64) -> Told<()> {
        self.sleep(Duration::from_secs_f64(seconds * self.tempo.stretch))
    }

    fn sleep(&mut self, span: Duration) -> Told<()> {
        let until = self.cast.clock.now().mono + span;
        while self.cast.clock.now().mono < until {
            self.well()?;
            thread::sleep(until.since(self.cast.clock.now().mono).min(LOOK));
        }
        Ok(())
    }

    /// Something was as told.
    fn hold(&mut self, text: &str) {
        self.held += 1;
        self.teller.tell("demo", &format!("as told: {text}"));
    }

    /// Something was not.
    fn miss(&mut self, text: String) {
        self.teller.tell("demo", &format!("NOT AS TOLD: {text}"));
        self.unexpected.push(text);
    }
}

/// The served point that shows this of a control.
fn status_point(gateway: &Plan, control: &str, what: StatusKind) -> Option<String> {
    let control = gateway.control(control)?.index();
    let mut served = gateway.served.iter();
    let found =
        served.find(|served| matches!(&served.source, ServedSource::Status { control: of, what: kind } if *of == control && *kind == what));
    found.map(|served| served.id.clone())
}

/// The number under which a status point shows a reason.
fn reason_number(code: &str) -> f64 {
    REASONS.iter().position(|known| *known == code).and_then(|place| u8::try_from(place + 1).ok()).map_or(99.0, f64::from)
}
