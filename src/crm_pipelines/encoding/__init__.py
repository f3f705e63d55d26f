"""Static attributes as numbers, fitted on the training part and nothing else."""

from crm_pipelines.encoding.entities import EntityEncoder, EntityFeatures
from crm_pipelines.encoding.imputation import Imputer
from crm_pipelines.encoding.scaling import FeatureScaler
from crm_pipelines.encoding.segments import RfvSegments, rfv_table
from crm_pipelines.encoding.vocabulary import Vocabulary

__all__ = ["EntityEncoder", "EntityFeatures", "FeatureScaler", "Imputer", "RfvSegments", "Vocabulary", "rfv_table"]
