"""Files of weights and models: Keras', safetensors, and PyTorch's state_dicts."""

from fastrnn.formats import safetensors, torch_state_dict

__all__ = ["safetensors", "torch_state_dict"]
