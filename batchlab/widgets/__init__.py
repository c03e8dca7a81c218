"""Displays of the things in a lab: views in, pixels out."""

from batchlab.autoscale.explain import Sentences
from batchlab.autoscale.lint import Findings
from batchlab.autoscale.results import AutoScaleRun
from batchlab.handles.applications import (
    Application,
    ApplicationPackage,
    ApplicationPackages,
    Applications,
)
from batchlab.handles.auto_scaling import AutoScaleHistory
from batchlab.handles.certificates import Certificate, Certificates
from batchlab.job_comparison import JobComparison
from batchlab.laboratory import AutoScaleLab, Comparison, Simulation
from batchlab.predictions import Prediction, PredictionOutcome
from batchlab.widgets import holdings
from batchlab.widgets.autoscaling import (
    findings_text,
    history_card,
    lab_card,
    run_card,
    sentence_list,
)
from batchlab.widgets.cards import draw
from batchlab.widgets.laboratory import comparison_card, job_comparison_card, simulation_card
from batchlab.widgets.prediction_cards import outcome_card, prediction_card
from batchlab.widgets.show import mimebundle, page, show_live, watch

__all__ = ["mimebundle", "page", "show_live", "watch"]

draw.register(Application, holdings.application_card)
draw.register(Applications, holdings.applications_card)
draw.register(ApplicationPackage, holdings.package_card)
draw.register(ApplicationPackages, holdings.packages_card)
draw.register(Certificate, holdings.certificate_card)
draw.register(Certificates, holdings.certificates_card)
draw.register(AutoScaleLab, lab_card)
draw.register(AutoScaleRun, run_card)
draw.register(AutoScaleHistory, history_card)
draw.register(Sentences, sentence_list)
draw.register(Findings, findings_text)
draw.register(Simulation, simulation_card)
draw.register(Comparison, comparison_card)
draw.register(JobComparison, job_comparison_card)
draw.register(Prediction, prediction_card)
draw.register(PredictionOutcome, outcome_card)
