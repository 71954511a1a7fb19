"""The admin API for the budgets of tenants and their projects, on the stock runtime."""

from mangum import Mangum

from prxy.wiring import control_plane

handler = Mangum(control_plane(), lifespan="off")
