"""Groups, budgets, prices, cost centers and readers as one YAML file, and back."""

from openwebui_usage.api.configuration.document import Fault, NotValid
from openwebui_usage.api.configuration.reading import read_configuration
from openwebui_usage.api.configuration.writing import sections_of, write_configuration

__all__ = ["Fault", "NotValid", "read_configuration", "sections_of", "write_configuration"]
