//! Faults of our own in the writer's thread.

use tagout::engine::EngineError;
use tagout::writer::NotRecorded;

use super::tagout::Tagout;

#[tokio::test]
async fn a_look_that_panics_is_answered_with_a_fault_and_the_writer_goes_on() {
    let tagout = Tagout::start();
    let looked = tagout.writer.read(|journal| {
        assert_eq!(journal.log().size(), u64::MAX, "a fault of ours");
    });
    let error = looked.await.unwrap_err();
    assert!(matches!(error, NotRecorded::Engine(EngineError::Fault(_))), "{error:?}");
    tagout.writer.tick().await.unwrap();
    assert!(tagout.writer.is_alive());
    assert!(tagout.writer.read(|journal| journal.verifies()).await.unwrap());
}

#[tokio::test]
async fn a_turn_that_panics_ends_the_writer_so_that_nothing_more_is_acknowledged() {
    let tagout = Tagout::start();
    let before = tagout.writer.read(|journal| journal.log().size()).await.unwrap();
    let taken = tagout.writer.turn(|_| panic!("a fault of ours")).await;
    assert!(matches!(taken, Err(NotRecorded::Closing)), "{taken:?}");
    tagout.writer.ended().await;
    assert!(!tagout.writer.is_alive());
    assert!(matches!(tagout.writer.tick().await, Err(NotRecorded::Closing)));
    // A new process reads what is durable and goes on.
    let tagout = tagout.again().await;
    tagout.writer.tick().await.unwrap();
    assert_eq!(tagout.writer.read(|journal| journal.log().size()).await.unwrap(), before);
}
