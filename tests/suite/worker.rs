//! Plays a worker: reads the work order and follows its parameter `script`, which has one word per attempt.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use nslab::backend::WorkOrder;
use nslab::record::{
    Built, Environment, Event, LoadReport, Offset, SeriesDeclaration, SeriesId, SeriesKind,
};
use nslab::units::Unit;

pub(crate) fn main() {
    let mut line = String::new();
    let mut input = std::io::stdin().lock();
    std::io::BufRead::read_line(&mut input, &mut line).unwrap();
    let order: WorkOrder = serde_json::from_str(&line).unwrap();
    let params = &order.spec.params;
    let folder = Path::new(&params["folder"]);
    let marks = folder.join(order.spec.id.to_string().replace(['/', ' '], "_"));
    let attempt = fs::read_dir(&marks).map_or(0, Iterator::count);
    fs::create_dir_all(&marks).unwrap();
    fs::write(
        marks.join(attempt.to_string()),
        std::process::id().to_string(),
    )
    .unwrap();
    let words: Vec<&str> = params["script"].split(' ').collect();
    let word = words[attempt.min(words.len() - 1)];
    let (word, long) = word.split_once(':').unwrap_or((word, "0"));
    let long = Duration::from_millis(long.parse().unwrap());
    match word {
        "silent" => hang(&marks),
        "die" => panic!("the script says so"),
        "broken" => println_line("this is not an event"),
        _ => {}
    }
    begin(&order);
    let established = match word {
        "fail" => 7,
        _ => 10,
    };
    sample(established);
    std::thread::sleep(long);
    match word {
        "hang" => hang(&marks),
        "deaf" => hang(&marks),
        "asked" => {
            // This ends when the input is closed.
            let _end = input.read_to_end(&mut Vec::new());
            return send(&finished(true));
        }
        "lingers" => {
            close_output();
            hang(&marks)
        }
        _ => {}
    }
    // A load that is reported to have ended makes room while its run goes on.
    if word != "no-load" {
        send(&load(if word == "busy" { 5.0 } else { 10.0 }));
    }
    send(&finished(false));
}

/// Runs forever, with a child that holds standard error open.
fn hang(marks: &Path) -> ! {
    let mut child = std::process::Command::new("sleep")
        .arg("1000")
        .spawn()
        .unwrap();
    fs::write(marks.with_extension("child"), child.id().to_string()).unwrap();
    let _killed = child.wait();
    panic!("the child was killed, and this process was not");
}

fn close_output() {
    // Replaces standard output, so that its reader sees the end.
    let null = fs::File::options().write(true).open("/dev/null").unwrap();
    nix::unistd::dup2_stdout(null).unwrap();
}

fn begin(order: &WorkOrder) {
    send(&Event::Environment(Box::new(Environment {
        seed: order.spec.seed,
        ..Environment::default()
    })));
    send(&Event::Built(Built::default()));
    send(&Event::Series(SeriesDeclaration {
        id: SeriesId(0),
        name: "load.established".into(),
        kind: SeriesKind::Counter,
        unit: Unit::Count,
        emulated: false,
    }));
}

fn sample(established: i64) {
    let t = Offset::from_duration(Duration::from_millis(500));
    let v = vec![(SeriesId(0), established)];
    send(&Event::Sample { t, v });
}

fn finished(interrupted: bool) -> Event {
    let t = Offset::from_duration(Duration::from_secs(1));
    Event::Finished { t, interrupted }
}

fn load(achieved_rate: f64) -> Event {
    Event::Load(LoadReport {
        client: "load".into(),
        open_loop: true,
        scheduled: 10,
        started: 10,
        offered_rate: 10.0,
        achieved_rate,
        span: 1_000_000_000,
        late_p50: 0,
        late_p99: 0,
        late_max: 0,
        port_choice: "kernel".to_owned(),
        engine: "epoll".to_owned(),
        cpu: 0,
    })
}

fn send(event: &Event) {
    println_line(&serde_json::to_string(event).unwrap());
}

fn println_line(line: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(format!("{line}\n").as_bytes()).unwrap();
    output.flush().unwrap();
}
