"""What the service's resolvers and its consumer work with."""

from dataclasses import dataclass
from typing import cast

from subgraphs.chassis.aws import Aws
from subgraphs.chassis.graphql.context import Context
from subgraphs.suggestions.domain.embedded_recommender import EmbeddedRecommender
from subgraphs.suggestions.domain.recommender import Recommender
from subgraphs.suggestions.dynamodb import DynamoDB
from subgraphs.suggestions.repositories.signals import Signals
from subgraphs.suggestions.repositories.suggestions import Suggestions
from subgraphs.suggestions.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    suggestions: Suggestions
    signals: Signals
    recommender: Recommender


def open_resources(aws: Aws, settings: Settings) -> Resources:
    """On the tables that the settings name; nothing is connected yet."""
    dynamodb = DynamoDB(aws)
    signals = Signals(dynamodb, settings.signals_table)
    return Resources(Suggestions(dynamodb, settings.suggestions_table), signals, EmbeddedRecommender(signals))


def resources_of(context: Context) -> Resources:
    return cast("Resources", context.resources)
