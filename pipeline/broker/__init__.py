"""The broker: publish and subscribe by topic, within the process."""

from pipeline.broker.broker import Broker
from pipeline.broker.faults import FAULTS, BrokerFault
from pipeline.broker.routes import Receiver
from pipeline.broker.subscription import Counts, Policy, Subscription
from pipeline.broker.topics import Pattern, topic_of, words_of

__all__ = ["FAULTS", "Broker", "BrokerFault", "Counts", "Pattern", "Policy", "Receiver", "Subscription", "topic_of", "words_of"]
