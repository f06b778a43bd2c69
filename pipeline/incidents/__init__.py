"""Incidents: the life of an alert, as a history of events that is checked when it is read."""

from pipeline.incidents.desk import IncidentDesk
from pipeline.incidents.incident import Incident
from pipeline.incidents.register import Incidents, News

__all__ = ["Incident", "IncidentDesk", "Incidents", "News"]
