use enishi_plan::plan;
use enishi_testkit::world::random_world;
fn main() {
    let mut lab = enishi_testkit::lab::Lab::new().unwrap();
    let mut bad = 0;
    let n: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    let mut tries = 0;
    for seed in 0..n {
        let program = plan(&random_world(seed));
        let mut attempt = 0;
        while let Err(error) = lab.apply(&program) {
            if attempt == 0 {
                bad += 1;
            }
            if bad < 6 {
                println!("seed {seed} attempt {attempt}: {error}");
            }
            attempt += 1;
            tries += 1;
            if attempt > 5 {
                break;
            }
        }
    }
    println!("{bad} of {n} failed, {tries} retries");
}
