"""Pipeline modules. A new one is one file and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from prxy.modules.airgap import Airgap
from prxy.modules.cost_guard import CostGuard
from prxy.modules.exact_cache import ExactCache
from prxy.modules.guardrails import Guardrails
from prxy.modules.prompt_optimizer import PromptOptimizer
from prxy.modules.router import Router
from prxy.modules.semantic_cache import SemanticCache
from prxy.pipeline.base import Module

MODULES: Mapping[str, type[Module]] = {
    module.name: module
    for module in (
        Airgap,
        CostGuard,
        ExactCache,
        Guardrails,
        PromptOptimizer,
        Router,
        SemanticCache,
    )
}
