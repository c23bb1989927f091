"""Store people's corrections to names and sides

Revision: 0005, after 0004. Made 2026-11-21 18:41:10.176890.
"""

import sqlalchemy as sa

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "participant_corrections",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pid", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("old_value", sa.Text(), nullable=False),
        sa.Column("new_value", sa.Text(), nullable=False),
        sa.Column("anchor", sa.JSON(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"],
            ["calls.id"],
            name=op.f("fk_participant_corrections_call_id_calls"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("call_id", "position", name=op.f("pk_participant_corrections")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "has_new_corrections", sa.Boolean(), nullable=False, server_default=sa.false()
            )
        )
        batch_op.add_column(sa.Column("sides", sa.JSON(), nullable=True))

    with op.batch_alter_table("moments", schema=None) as batch_op:
        batch_op.add_column(sa.Column("side", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("speakers", sa.JSON(), nullable=False, server_default="[]"))

    with op.batch_alter_table("participants", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pid", sa.Text(), nullable=False, server_default=""))
        batch_op.add_column(
            sa.Column("former_pids", sa.JSON(), nullable=False, server_default="[]")
        )
        batch_op.add_column(
            sa.Column("is_confirmed", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(
            sa.Column("is_blanked", sa.Boolean(), nullable=False, server_default=sa.false())
        )
        batch_op.add_column(sa.Column("camera_off_ms", sa.Integer(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("participants", schema=None) as batch_op:
        batch_op.drop_column("camera_off_ms")
        batch_op.drop_column("is_blanked")
        batch_op.drop_column("is_confirmed")
        batch_op.drop_column("former_pids")
        batch_op.drop_column("pid")

    with op.batch_alter_table("moments", schema=None) as batch_op:
        batch_op.drop_column("speakers")
        batch_op.drop_column("side")

    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_column("sides")
        batch_op.drop_column("has_new_corrections")

    op.drop_table("participant_corrections")
