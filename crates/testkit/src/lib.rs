//! Enishi testkit.
