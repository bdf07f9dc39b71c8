"""All faults, by name."""

from loadtest.chaos import (
    faults_clock,
    faults_engine,
    faults_hosts,
    faults_input,
    faults_kafka,
    faults_redis,
    faults_state,
)
from loadtest.chaos.fault import Fault

FAULTS: dict[str, Fault] = {
    fault.name: fault
    for part in (
        faults_engine,
        faults_kafka,
        faults_redis,
        faults_state,
        faults_clock,
        faults_input,
        faults_hosts,
    )
    for fault in part.FAULTS
}
