"""Wiring of ``scoring``."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.scoring import nodes
from crm_pipelines.scoring.extras import EXTRAS

DRIFTS: Final = ("today_behaviour_drift", "today_churn_drift", "today_risk_drift")
SPEC, SCORING, PROCESSES = "params:source_spec", "params:scoring", "params:processes"


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` as they are today and the kept models -> one row per customer; nothing is fitted."""
    return Pipeline(
        [
            node(
                nodes.read_log,
                ["raw_files", SPEC, SCORING],
                ["today_events", "today_customers", "today_items"],
                name="read_today_log",
            ),
            node(nodes.read_records, ["raw_files", SPEC], ["today_records", "today_layout"], name="read_today_records"),
            node(
                nodes.read_churn,
                ["today_events", "today_customers", "today_records", "today_layout", SPEC],
                ["today_churn", "today_churn_layout"],
                name="read_today_churn",
            ),
            node(
                nodes.plan,
                [
                    *("kept_items", "today_events", "today_customers", "today_records"),
                    *(SPEC, "params:engagement.plans", SCORING),
                ],
                "today_plans",
                name="plan_today",
            ),
            node(
                nodes.score_behaviour,
                [
                    *("kept_behaviour", "today_events", "today_customers", "today_items"),
                    *(SPEC, "params:features", SCORING, PROCESSES),
                ],
                ["today_behaviour", "today_behaviour_drift"],
                name="score_today_behaviour",
            ),
            node(
                nodes.score_churn,
                ["kept_churn", "today_churn", "today_churn_layout", SPEC, SCORING, PROCESSES],
                ["today_churn_scores", "today_churn_drift"],
                name="score_today_churn",
            ),
            node(
                nodes.score_risk,
                ["kept_risk", "today_records", "today_layout", SPEC, SCORING, PROCESSES],
                ["today_risk_scores", "today_risk_drift"],
                name="score_today_risk",
            ),
            node(
                nodes.act,
                [
                    *("today_plans", "today_behaviour", "today_churn_scores", "today_risk_scores", "today_events"),
                    *("today_customers", "raw_files", SPEC, "params:engagement.plans", "params:engagement.policy"),
                    *("params:risk.scoring", SCORING, *(extra.dataset for extra in EXTRAS)),
                ],
                ["customer_actions", "customer_actions_sheet", "contact_list"],
                name="decide_actions",
            ),
            node(
                nodes.conclude,
                ["customer_actions", "params:source", SCORING, *DRIFTS],
                ["scoring_drift", "scoring_overview"],
                name="conclude_scoring",
            ),
            node(nodes.stop_at_drift, ["scoring_drift", SCORING], None, name="stop_at_drift"),
        ]
    )
