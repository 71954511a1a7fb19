"""Pipeline modules. A new one is one file and one line here."""

from __future__ import annotations

from prxy.pipeline.base import Module
from prxy.registry import Registry

MODULES: Registry[type[Module]] = Registry(
    "prxy.modules",
    {
        "airgap": "airgap.Airgap",
        "cost-guard": "cost_guard.CostGuard",
        "exact-cache": "exact_cache.ExactCache",
        "guardrails": "guardrails.Guardrails",
        "prompt-optimizer": "prompt_optimizer.PromptOptimizer",
        "router": "router.Router",
        "semantic-cache": "semantic_cache.SemanticCache",
    },
)
